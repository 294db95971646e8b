"""Turn a command line into the runs of a study.

`command` is `gatekit train`. `keys` lists every key with its type and range. `variant` builds one
configuration with its swapped gates, `plan` lists the runs, and `dry_run` tries each variant for
three steps. `hydra` adapts Hydra to gatekit, `launch` runs the plan, and `search` chooses values
by their results. Start with `command.py`, then `plan.py`.

No module here is public.
"""
