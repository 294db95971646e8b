"""Displays a cell as text, LaTeX, MathML, BibTeX, a page of the zoo, and a diagram.

`unfold` expands gates, norms and the output unit into equations. `describe` returns a cell as plain
data and as text, and `parallel` how all steps are computed together. `latex` typesets an
expression, `equations` a whole cell, and `diagram` draws it. Start with `describe.py`.
"""
