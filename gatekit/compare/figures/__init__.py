"""Figures of a comparison for paper and screen.

Each function ``draw_...`` draws on a figure and returns the ids of the runs in it, none if there is
nothing to draw. If metrics differ, it draws the groups with the first group's metric. `gates` and
`activations` draw probed runs instead, and write the files themselves.

`kinds.draw` draws any of them. `page` writes the files, with the same bytes for the same input.
`style` has colours and sizes. Start with `kinds.py`.
"""
