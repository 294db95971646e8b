"""Commands that compare: compare, report, gates-report, why, query."""
