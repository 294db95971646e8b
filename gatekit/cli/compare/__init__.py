"""Commands that compare: studies, compare, report, gates-report, why."""
