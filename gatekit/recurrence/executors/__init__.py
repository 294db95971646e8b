"""Executors: each solves a problem, and all agree with `reference`.

`choose` picks an executor as a pure function of cell, device and types, `dispatch` runs it, and
`explain` describes it. `reference` computes each signal at each step, `stacked` computes all
products of a value together; both run in the loop of `loop`, which TensorFlow differentiates.
`linear` solves affine states for all steps together, and `chunk` solves matrix memories with a few
products per chunk. Start with `reference.py`, then `stacked.py`.

No module here is public.
"""
