"""Statistics of a comparison: intervals, paired differences, the decision rule, verdicts.

`statistics` has intervals for a handful of seeds. `difference` compares a group with its baseline,
`rule` decides all comparisons of a table, `looks` decides them at several numbers of seeds, and
`verdict` puts a result into one sentence. `power` counts the seeds that a decision needs. `ranks`
and `stratified` combine several tasks. `importance` and `forest` divide the variance of a sweep.
Start with `rule.py`.
"""
