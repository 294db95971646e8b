"""Statistics of a comparison: intervals, paired differences, ranks, verdicts.

`statistics` is what a careful statistician computes for a handful of seeds; `difference` sets a
group against its baseline, `verdict` says in one sentence what the numbers allow; `ranks` and
`stratified` join several tasks; `power` counts the seeds that a decision needs. Start with
`difference.py`.
"""
