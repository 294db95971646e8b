"""The verdicts of a comparison: what one group gets, and why.

Start with `row`: a group, its summary, and its difference from a baseline. `decided` tests all
differences of a table together, and `over_tasks` those over several tasks. `remarks` states why a
group gets no verdict, or why runs cannot be grouped as asked, and writes the notes below the table.
"""
