"""The verdicts of a comparison: what one group gets, and why.

Start with `row`: a group, its summary, and its difference from a baseline. `refused` states why a
group gets no verdict, or why runs cannot be grouped as asked; `decided` tests all differences of a
table together, and `over_tasks` those over several tasks; `notes` writes the remarks below the
table.
"""
