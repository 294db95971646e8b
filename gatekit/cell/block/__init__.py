"""What is around a recurrent layer: norms, convolution, gates, projection, MLP, residuals.

A block declares its parts, and the equations between them, in `contract.Block`; `parts` records
them as the plain data of `sketch`; `reading` reads a block by name; `built` gives it its sizes and
counts weights, carried numbers and operations. `show` writes it as text. Start with `contract.py`.
No TensorFlow here: `gatekit.recurrence.blocks` computes a block.
"""
