"""Behaviour of gates in probed runs: saturation, open time, memory, gradients.

`probes` reads a run's probe files, `behaviour` compares groups, `densities` prepares the data of
figures, and `text` formats tables. Start with `behaviour.py`.

No module here is public.
"""
