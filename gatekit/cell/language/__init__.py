"""The equation language: strings are parsed into small immutable trees for any backend.

`parse` turns a string into an `expression` without evaluating Python. `ops` has the functions,
which take expressions, NumPy arrays and tensors. `shape` infers the shape of an expression, with
one rule per function. Start with `expression.py`.

No module here is public.
"""
