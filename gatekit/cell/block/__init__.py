"""Blocks around a recurrent layer: norms, convolution, gates, projection, MLP, residuals.

A subclass of `contract.Block` declares the parts of a block and the equations between them. `parts`
records them as the operations of `sequence`, `reading` reads a block by name, `built` adds the
sizes and counts weights, state size and operations, and `show` writes it as text. `stack` is a
whole model as one list of operations, which is trained, counted and written as code. Start with
`contract.py`. No TensorFlow here: `gatekit.recurrence.blocks` computes a block.

No module here is public.
"""
