"""Parallel forms of a cell as code: `write` writes the lines, `helpers` has the functions.

Start with `write`.
"""
