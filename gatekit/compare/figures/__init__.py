"""Figures of a comparison for paper and screen, one kind a module.

`kinds.draw` knows all of them; `page` goes from a blank page to a file with the same bytes for the
same input; `style` has colours and sizes. Start with `kinds.py`.
"""
