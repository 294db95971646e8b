"""Training one run: from its configuration to `result.json`. TensorFlow is imported here.

`worker` is the life of a run's process; `trainer` trains, with Keras' fit in an order that the
seed decides, and stops a run whose loss is not finite (`DivergedError`); `feed` and `batches` bring
the data, `model` builds the network, `optimizers` and `schedule` determine how its weights change,
`summary` is what the run reports, and `resume` what it goes on from. `process` is about the
process itself, `probe` about looking at gates while training, `carrying` about states that go on
from window to window. Start with `worker.py`.
"""
