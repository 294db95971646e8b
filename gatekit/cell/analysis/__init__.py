"""What can be concluded from a built cell without computing it.

`affine` finds the states that are linear in their own past, which a scan can solve, and
`affine_form` is the arithmetic of such states; `chunk` finds the matrix states that are solved
chunk by chunk; `newton` the states that Newton's method solves, and how many iterations it needs;
`bounds` the range of a gate's values; `count` the number of parameters as a formula; `cost` how
many numbers a step computes. Start with `affine.py`.
"""
