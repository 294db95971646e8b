"""A cell's graph as a self-contained SVG.

`boxes` chooses the content of a drawing, `layout` places boxes and lines, and `svg` writes strokes
and labels; `drawing.diagram(cell)` combines them. Start with `drawing.py`.

No module here is public.
"""
