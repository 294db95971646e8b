"""A built cell becomes numbers: the Keras layers and the executors.

`layers` holds `RNN` and `Cell`, which check their inputs. `call.prepare` describes one call as a
`problem`, `executors` solves it, `call.finish` makes the outputs. `step` is what every executor
does within a step, `hold` how zoneout and mask hold a state; `emission` applies the output unit;
`noise`, `masking` and `padding` are shared by all.

Start with `problem.py`, `step.py` and `executors/reference.py`, which defines what a cell means.
docs/architecture.md has a picture.
"""
