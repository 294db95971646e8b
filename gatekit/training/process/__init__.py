"""The process of a run: how it starts, and survives what plugins do to it.

`preload` is the fork server's import of TensorFlow; `guard` reverts what a plugin changes in the
process; `programs` are what XLA has compiled, shared by the runs of a command.
"""
