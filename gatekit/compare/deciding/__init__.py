"""Decide which groups differ from their baseline, and explain the decisions.

Start with `row`: a group, its summary, and its difference from the baseline. `decided` tests all
differences of a table together; `over_tasks` tests differences averaged over several tasks.
`finding` says what was found about a group, or why nothing was; `sentences` has all words of the
answer and of the verdicts, `notes` those below the table, and `refusals` what cannot be compared.

No module here is public.
"""
