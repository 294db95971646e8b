"""Properties of a built cell, such as whether its steps can be solved in parallel, and its cost.

`affine` finds the states that are affine in their own past, which a scan can solve, and
`affine_form` has the arithmetic of such states. `chunk` finds the matrix states that are solved
chunk by chunk. `cost` counts the operations of a step and the numbers in its states. Start with
`affine.py`.

No module here is public.
"""
