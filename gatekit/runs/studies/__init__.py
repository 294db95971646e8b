"""All runs of a study: which runs commands asked for, their states, and why runs failed.

`survey` reads the state of every run and groups failed runs by cause. `plan_file` records the runs
that commands asked for. `prune` finds files that a study does not need. `interim_file` is the
file of looks: comparisons after which seeds may be added. Start with `survey.py`.

No module here is public.
"""
