"""The process of a run: how it starts, and what it shares with other runs.

`preload` is the fork server's import of TensorFlow; `programs` are what XLA has compiled, shared by
the runs of a command.
"""
