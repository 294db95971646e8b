"""The runs of a study together: what was asked for, how far each is, what failed.

`survey` reads the state of every run, and groups failed runs by cause; `plan_file` is what commands
asked for; `prune` finds what a study does not need; `looks` is the file of looks between seeds.
Start with `survey.py`.
"""
