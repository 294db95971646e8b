"""From a command line to the runs of a study: Hydra composes, the plan judges, the launcher runs.

`command` is `gatekit train`; `schema` has every key with its type and range; `variant` is one cell
with everything swapped in; `plan` the list of runs; `dry_run` tries each of them for three steps.
`hydra` is what gatekit adds to Hydra, `launch` runs the plan, `search` learns from results.
Start with `command.py`, then `plan.py`.
"""
