"""The folder of a run: its format, its only writer and its readers.

`folder` claims, writes and completes a run; its `result.json` is sealed with a SHA-256.
`state` determines the state of a run from its folder; `record` reads a run for comparisons.
`metrics`, `result`, `config`, `checkpoint` and `probe` each define a file format; `names` has the
name of every file.
`durable` writes every file, so one module decides what survives a crash.
`process` distinguishes a live writer from a dead one.
`script` is `gatekit.run`, for your own training scripts. `studies` reads all runs of a study.

Start with `folder.py`, then `state.py`. Hydra, OmegaConf and TensorFlow are not imported here.

No module here is public.
"""
