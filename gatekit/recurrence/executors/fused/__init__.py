"""The fused executor: few large products, and one gradient for the whole recurrence.

`schedule` is how a cell is arranged and `scheduler` arranges it; `hoist` computes for all steps
what needs no state; `forward` and `backward` are the loops; `kept`, `log` and `steps` hold what a
step leaves for the gradient; `remat` recomputes it. Start with `executor.py`.
"""
