"""The runs of a study together: what was asked for, how far each is, what failed.

`survey` reads the state of every run; `plan_file` what commands asked for; `unrecorded` keeps the
reasons of runs whose own folder could not be written; `failures` groups failed runs by cause;
`prune` finds what a study does not need; `looks` is the file of looks between seeds. Start with
`survey.py`.
"""
