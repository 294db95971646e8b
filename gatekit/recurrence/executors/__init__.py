"""Executors: from a problem to its solution, all with the numbers of `reference`.

`choose` picks one by a pure function of the cell and the call, `dispatch` runs it, `explain` says
why. `reference` calls each gate at each step; `unroll` writes the steps out; `fused` makes few
large products and has its own gradient; `linear` solves affine states at once; `cudnn` hands
Keras' own cells to NVIDIA's kernel. Start with `reference.py`, then `fused`.
"""
