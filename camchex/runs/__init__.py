"""When and on what work runs, and what is shown meanwhile. Nothing here changes a result."""
