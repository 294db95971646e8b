"""A cell's graph as a self-contained SVG.

`boxes` decides what a drawing shows, `layout` where boxes and lines go, `svg` how strokes and
labels are written; `drawing.diagram(cell)` joins them. Start with `drawing.py`.
"""
