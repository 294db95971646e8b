r"""Solves nonlinear cells for all steps together by Newton's method, and checks the result.

A recurrence $s_t = f_t(s_{t-1})$ from $s_0$ is one equation for all steps,
$s_t - f_t(s_{t-1}) = 0$. From a guess s, here the initial value at each step, Newton's method
solves

$$\delta_t = J_t\, \delta_{t-1} + f_t(s_{t-1}) - s_t, \qquad \delta_0 = 0, \qquad
J_t = \partial f_t / \partial s_{t-1}$$

and adds $\delta$ to s. That is a linear recurrence, which an associative scan solves in about
log2(time) rounds. It is cheap if $J_t$ is diagonal, or has a block of k x k for each unit (k at
most 4): `gatekit.cell.analysis.newton` finds these cells from the equations.

**The check.** A sequence is accepted once s is finite and its last update is at most the tolerance,
$|\delta| \le \tau\, (1 + |s|)$, in each element. Later iterations do not change it. A sequence that
is not accepted within 20 iterations takes its states from the fused loop instead, and is counted in
a variable of the layer. Iteration k is exact for the first k steps, so the method always ends, but
it is fast only if the largest Lyapunov exponent is below zero.

**The gradient.** With the cotangents $g_t$ of the states, the adjoint is one linear recurrence with
the transposed Jacobian at the solution, whether Newton's method or the loop found it:

$$d_t = g_t + J_{t+1}^\top d_{t+1}, \qquad
\bar\theta = \sum_t (\partial f_t / \partial \theta)^\top d_t, \qquad \bar s_0 = J_1^\top d_1$$

**Masks and zoneout.** A state that is held has $J_t = I$ and $f_t(s) = s$; the mean of zoneout
mixes both. At a **reset** $J_t = 0$, and f starts from the initial value.

- `executor` solves blocks, and counts;
- `step` computes f and its Jacobian for one block, at all steps;
- `solve` has the iterations, the check, the switch to the fused loop, and the adjoint.

Source: Lim et al., DEER (2023), arXiv:2309.12252 (the method); Gonzalez et al., ELK (2024),
arXiv:2407.19115 (quasi-Newton, stability); Danieli et al., ParaRNN (2025), arXiv:2510.21450 (blocks
for each unit); Gonzalez et al. (2025), arXiv:2508.16817 (convergence and the Lyapunov exponent).

No module here is public.
"""
