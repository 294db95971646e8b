"""Parallel forms of a cell as code; the functions that the lines call are those of `runtime`.

Start with `write`.
"""
