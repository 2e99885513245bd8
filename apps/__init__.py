"""The workbench in the browser: `views` (a folder a page) over what `reading` finds, and `jobs`."""
