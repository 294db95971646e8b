"""A built cell becomes numbers: the Keras layers and the executors.

`layers` holds `RNN` and `Cell`, which check their inputs and describe one call as a `problem`;
`executors` solves it. `step` is what every executor does within a step; `emission` applies the
output unit; `noise`, `masking` and `padding` are shared by all.

Start with `problem.py`, `step.py` and `executors/reference.py`, which defines what a cell means.
"""
