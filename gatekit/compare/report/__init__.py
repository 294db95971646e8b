"""A comparison as one self-contained HTML page that opens from disk.

`page` joins the sections. Each section is a module, which computes what to show from a `context`,
and a template in `templates`. `markup` fills templates in and escapes every string, `to_data` turns
charts into the data of the script, and `save` writes the file. Start with `page.py`.

No module here is public.
"""
