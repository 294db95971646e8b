"""A study as one file to share, and back; a run of it again on this machine.

`bundle` writes, `unbundle` reads and checks without executing anything, `entries` bounds what a
bundle may hold, `rerun` repeats a run. Start with `bundle.py`.
"""
