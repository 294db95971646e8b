"""Figures of a comparison for paper and screen, one module per kind.

`kinds.draw` draws any of them. `page` writes the files, with the same bytes for the same input.
`style` has colours and sizes. Start with `kinds.py`.
"""
