"""The process of a run: `preload` is the fork server's import of TensorFlow, `programs` are what XLA
has compiled, shared by the runs of a command."""
