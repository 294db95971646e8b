"""The process of a run: how it starts, stops, and survives what plugins do to it.

`preload` is the fork server's import of TensorFlow; `resume` decides whether a checkpoint is
continued; `guard` reverts what a plugin changes in the process; `stopping` asks a run to stop
after its batch.
"""
