"""A comparison as one self-contained HTML page that opens from disk.

`page` joins the sections. Each section is a module, built from a `context`. `markup` escapes every
string that becomes HTML. Start with `page.py`.
"""
