"""Parallel forms of a cell as code: `write` has the lines, `helpers` the functions they call.

Start with `write`.
"""
