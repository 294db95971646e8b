"""The equation language: strings become small immutable trees, which any backend can evaluate.

`parse` turns a string into an `expression` without evaluating Python; `ops` holds the
functions, for expressions, NumPy arrays and tensors alike; `shape` infers the shape of every
expression by one rule per function. Start with `expression.py`.
"""
