"""Statistics of a comparison: intervals, paired differences, ranks, verdicts.

`statistics` has intervals and tests for a handful of seeds. `difference` compares a group with its
baseline, and `verdict` puts the result into one sentence. `ranks` and `stratified` combine several
tasks. `power` counts the seeds that a decision needs. Start with `difference.py`.
"""
