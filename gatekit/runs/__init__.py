"""A run is a folder: its format, its one writer, its one reader.

`folder` claims, writes and completes a run; `result.json` comes last, sealed with its own SHA-256.
`durable` writes every file, so that one place decides what survives a crash; `heartbeat` and
`process` tell a live writer from a dead one. `record` reads a folder as it is found: complete,
unfinished or damaged. `own` is `gatekit.run`, for training scripts of your own. `studies` is about
all runs of a study, `probe` about the files of a probed run.

Start with `folder.py`, then `record.py`. No Hydra, OmegaConf or TensorFlow here.
"""
