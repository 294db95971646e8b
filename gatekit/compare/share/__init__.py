"""Share a study as one file, import such a file, and repeat one of its runs.

`bundle` writes the file; `cells` and `settings` find your own configurations for it, and `sources`
the plugins. `unbundle` checks and imports it without executing anything. `entries` has the allowed
files and their size limits. `rerun` repeats a run. Start with `bundle.py`.

No module here is public.
"""
