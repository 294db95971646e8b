"""A comparison as one self-contained HTML page that opens from disk.

`page` joins the sections. Each section is a module, which computes what to show from a `context`,
and a template in `templates`. `markup` fills templates in and escapes every string;
`charts` has the curves over each cost and charts without a script. Start with `page.py`.
"""
