"""Executors: each solves a problem, and all agree with `reference`.

`choose` picks an executor as a pure function of cell, device and types, `dispatch` runs it, and
`explain` describes it. `reference` computes each signal at each step, in a loop or unrolled.
`fused` computes a few large products and has its own gradient. `linear` solves affine states for
all steps together, and `chunk` solves matrix memories with a few products per chunk. `newton`
solves nonlinear cells for all steps together, if their Jacobian has a small block for each unit.
`cudnn` runs Keras' LSTM and GRU on NVIDIA's kernel.
Start with `reference.py`, then `fused`.

No module here is public.
"""
