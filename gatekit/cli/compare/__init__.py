"""Commands for comparing: compare, report, gates-report, why, query."""
