"""Computing a built cell: the Keras layers and the executors.

`layers` has `RNN` and `Cell`, which check their inputs. `call.prepare` describes one call as a
`problem`, `executors` solves it, and `call.finish` computes the outputs. `step` has the operations
that all executors use within a step; `hold` applies zoneout and mask to a state; `emission` applies
the output unit; `noise` and `masking` are shared by these modules. `padding` limits how many
lengths of sequences XLA has to compile.

Start with `problem.py`, `step.py` and `executors/reference.py`, which defines what a cell means.
docs/architecture.md has a picture.
"""
