"""Train one run, from its configuration to `result.json`. This package imports TensorFlow.

`worker` is the main function of a run's process. `trainer` trains in an order that the seed
determines, and stops a run whose loss is not finite (`DivergedError`). `feed` and
`batches` provide the data, `model` builds the network, and `optimizers` and `schedule` determine
how its weights change. `summary` computes the results, and `resume` writes and reads checkpoints.
`process` starts the process itself, `probe` records gates during training, and `carrying` carries
states from window to window. Start with `worker.py`.

No module here is public.
"""
