"""Looking at gates and states while a run is trained.

`observe` computes a fixed batch after every epoch; `records` decides when, and writes the files.
"""
