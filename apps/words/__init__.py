"""What the pages say: the meaning of every number, how to read a page, text as markdown."""
