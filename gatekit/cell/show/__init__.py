"""How a cell looks: as text, LaTeX, MathML, BibTeX, a page of the zoo, and a diagram.

`unfold` writes gates, norms and the output unit out as equations; `describe` is a cell as plain
data and as text; `parallel` shows how all steps are computed together; `latex` sets
one expression and `equations` a whole cell; `diagram` draws it.
Start with `describe.py`.
"""
