"""A comparison as one self-contained HTML page that opens from disk.

`page` joins the sections. Each section is a module, which computes what to show from a `context`,
and a template in `templates`. `markup` fills templates in and escapes every string; `series` has
the data of learning curves, and `static` draws what needs no script. Start with `page.py`.
"""
