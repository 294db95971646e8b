"""Executors: from a problem to its solution, all with the numbers of `reference`.

`choose` picks an executor as a pure function of cell and call, `dispatch` runs it, `explain` gives
the reason. `reference` calls each gate at each step, in a loop or with the steps written out;
`fused` makes few large products and has its own gradient; `linear` solves affine states at once;
`chunk` solves matrix memories by a few products per chunk; `newton` solves nonlinear cells whose
Jacobian is small for each unit at all steps at once; `cudnn` hands Keras' own cells to NVIDIA's
kernel.
Start with `reference.py`, then `fused`.
"""
