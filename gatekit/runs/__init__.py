"""A run is a folder: its format, its one writer, its one reader.

`folder` claims, writes and completes a run; `result.json` comes last, sealed with its own SHA-256.
`state` decides the state of a run from what is in its folder; `record` reads a run for comparing.
`metrics`, `result` and `config` are one module a file format, `names` has the name of every file.
`durable` writes every file, so that one place decides what survives a crash.
`process` distinguishes a live writer from a dead one.
`script` is `gatekit.run`, for training scripts of your own. `studies` is about all runs of a study.

Start with `folder.py`, then `state.py`. No Hydra, OmegaConf or TensorFlow here.
"""
