r"""Computes memories chunk by chunk, with a few matrix products instead of single steps.

In each head, with keys $k_t$, values $v_t$, queries $q_t$, corrections $u_t$ and decays $a_t$, a
memory is

$$S_t = a_t \circ S_{t-1} + k_t r_t^\top, \qquad r_t = v_t - S_{t-1}^\top u_t, \qquad
o_t = S_t^\top q_t$$

In a chunk of C steps that begins with the memory $S_0$, the rows of Q, K, U, V, R and O are those
of its steps. With $\gamma_{ts} = \prod_{s<i\le t} a_i$:

$$A_{ts} = (q_t \circ \gamma_{ts})^\top k_s \;(s \le t), \qquad
L_{ts} = (u_t \circ \gamma_{t-1,s})^\top k_s \;(s < t)$$

$$(I + L) R = V - (U \circ \gamma_{t-1,0}) S_0, \qquad O = A R + (Q \circ \gamma_{t0}) S_0, \qquad
S_C = \gamma_{C0} \circ S_0 + (K \circ \gamma_{Cs})^\top R$$

Without a correction, U is 0 and R is V. Only the memory before each chunk is stored, not that of
each step. A masked step has a decay of 1, and its key, value and correction are 0. Steps that pad
the last chunk are masked, too.

A reset is not a decay of 0. Instead, $A_{ts} = L_{ts} = 0$ if the segment numbers of the two steps
differ. $\gamma_{t0}$ begins at the last reset, and after a reset $S_0$ is the initial value of the
memory.

- `memory` implements the equations above for one memory;
- `scores` computes A and L for a separate decay of each row, without overflow;
- `between` carries the memory from chunk to chunk;
- `layout` cuts sequences into chunks, and has the resets within them;
- `decay` applies decays within a chunk;
- `sums` computes running sums, and states that only add;
- `largest` computes a running maximum.

Start with `memory`.

Source: Yang et al. (2024), arXiv:2312.06635, section 4, and arXiv:2406.06484, section 3; Dao and Gu
(2024), arXiv:2405.21060, section 6.

No module here is public.
"""
