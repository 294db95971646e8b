"""Displays a cell as text, LaTeX, MathML, BibTeX, a page of the zoo, and a diagram.

`describe` returns a cell as plain data and as text, `parallel` how all steps are computed together,
and `program` a step as a list of operations. `latex` typesets an expression, `equations` a whole
cell, and `diagram` draws it. Start with `describe.py`.

No module here is public.
"""
