"""What variants reach with equal training time, training steps or floating-point operations.

Start with `evaluations.py`: the validation scores of a run with what each had cost. `at` compares
at one budget, `reach` the training until a threshold, and `trials` the best of k tuning trials;
`text` writes their tables.
"""
