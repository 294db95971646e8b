"""Cells whose states are affine in their own past: s_t = A_t s_{t-1} + b_t.

`solve` computes the coefficients for all steps together; `recurrence` defines the linear recurrence
and its adjoint; `sequential` solves it step by step, `scan` in about log2(time) rounds. Start with
`recurrence.py`.

No module here is public.
"""
