"""The workbench in the browser: `pages` over what `reading` finds, and `jobs` that they start."""
