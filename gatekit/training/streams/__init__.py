"""Sequences that are read window by window, with carried states: truncated back-propagation.

`windows` defines what a window is, in NumPy; `carrying` is the layer whose states go on from one
window to the next; `writing` lets a trained character model write text. Start with `windows.py`.
"""
