"""What variants reach with equal training time, training steps or floating-point operations.

Start with `evaluations.py`: the validation scores of a run, and the cost of training up to each.
`at` compares at one budget, `reach` compares the training until a threshold, and `trials` the best
of k tuning trials; `text` writes the tables of the last two.

No module here is public.
"""
