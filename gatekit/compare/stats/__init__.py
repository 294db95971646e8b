"""Statistics of a comparison: intervals, paired differences, the decision rule, verdicts.

`intervals` has intervals for a handful of seeds. `difference` compares a group with its baseline,
`paired_tests` decides all comparisons of a table, `looks` decides them at several numbers of seeds,
and `verdict` puts a result into one sentence. `power` counts the seeds that a decision needs.
`across_tasks` combines several tasks, and `variance` divides the variance of a sweep.
Start with `paired_tests.py`.
"""
