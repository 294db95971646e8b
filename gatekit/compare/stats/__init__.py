"""Statistics of a comparison: intervals, paired differences, the decision rule, verdicts.

Start with `paired_tests.py`, which decides all comparisons of a table; `multiple_comparisons`
corrects their p values, and `interim_tests` decides them if seeds are added step by step.
`intervals` has intervals for a handful of seeds, `baseline` chooses the baseline, `difference`
compares a group with it, and `verdict` puts the result into one sentence. `power` estimates how
many seeds a decision needs. `across_tasks` combines several tasks, and `variance` attributes the
variance of a sweep to its keys.

No module here is public.
"""
