"""A comparison as one HTML page that opens from disk and loads nothing.

`page` joins the sections, one module each, all made from a `context`; `markup` escapes every
string where it becomes HTML. Start with `page.py`.
"""
