"""The equation language: text becomes a small immutable tree, which anything can evaluate.

`parse` turns text into an `expression` by parsing, never by evaluating Python; `ops` holds the
functions, for expressions, NumPy arrays and tensors alike; `shape` infers the shape of every
expression by one rule per function. Start with `expression.py`.
"""
