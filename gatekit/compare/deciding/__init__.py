"""Decide which groups differ from their baseline, and explain the decisions.

Start with `row`: a group, its summary, and its difference from the baseline. `decided` tests all
differences of a table together; `over_tasks` tests differences averaged over several tasks.
`remarks` explains why a group has no verdict or why runs cannot be grouped as requested, and writes
the notes below the table.

No module here is public.
"""
