"""Decide which groups differ from their baseline, and explain the decisions.

Start with `row`: a group, its summary, and its difference from the baseline. `decided` tests all
differences of a table together; `over_tasks` tests differences averaged over several tasks.
`reasons` says why nothing is shown about a difference, and `finding` what was found about a group;
`sentences` has the words of verdicts, `notes` those below the table, and `refusals` what cannot be
compared. The answer is in `gatekit.compare.answer`.

No module here is public.
"""
