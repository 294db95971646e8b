"""The process of a run: how it starts, and which compiled programs it shares with other runs.

The fork server imports `preload`, and so TensorFlow; `programs` shares programs compiled by XLA
among the runs of a command.

No module here is public.
"""
