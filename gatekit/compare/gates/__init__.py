"""What the gates of probed runs did: saturation, open time, memory, gradients.

`probes` reads a run's probe files, `behaviour` compares groups, `densities` prepares what figures
draw, `text` writes tables. Start with `behaviour.py`.
"""
