"""Commands that compare: studies, compare, report, gates-report, why.

No module here is public.
"""
