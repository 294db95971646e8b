"""Share a study as one file, and import such a file.

`bundle` writes the file, and `own_files` finds your plugin sources and configurations for it.
`unbundle` has the allowed files with their size limits, checks a bundle, and imports it without
executing anything.

No module here is public.
"""
