"""Charts of the report.

Modules: `series` (the curves of a group over each cost, as data for the page's script),
`static` (line charts that need no script).
"""
