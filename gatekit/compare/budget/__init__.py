"""What variants reach with equal training time, training steps or floating-point operations.

Start with `evaluations.py`: the validation scores of a run, and the cost of training up to each.
`at` compares at one budget.

No module here is public.
"""
