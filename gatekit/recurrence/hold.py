r"""Holding a state by zoneout or mask.

The equations give a state a new value $n_t$. With the rate z of zoneout, a draw
$b_t \sim \mathrm{Bernoulli}(z)$ per unit, and the mask $m_t$, the state is

$$\tilde n_t = \begin{cases} b_t\, s_{t-1} + (1 - b_t)\, n_t & \text{in training} \\
z\, s_{t-1} + (1 - z)\, n_t & \text{otherwise} \end{cases} \qquad
s_t = m_t\, \tilde n_t + (1 - m_t)\, s_{t-1}$$

Draws and mask are applied by selection, so the content of a masked step, even NaN, never reaches a
value. NaN does not reach a gradient either, because a masked step computes with the operands of the
row's first valid step; see `Problem.operands`.

Source: Krueger et al., Zoneout (2017), arXiv:1606.01305.
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf
from tensorflow import Tensor

from .noise import bernoulli
from .problem import Problem


@dataclass(frozen=True)
class Hold:
    """The zoneout and mask of one state, at one step or at all steps.

    Args:
        drawn: where zoneout holds the state, booleans ``... x width``; None if nothing is drawn.
        mean: the rate of zoneout if its mean is used, otherwise 0.
        valid: the mask, ``... x 1``; None if every step is valid.
    """

    drawn: Tensor
    mean: float
    valid: Tensor

    def value(self, new: Tensor, old: Tensor) -> Tensor:
        r"""Return $s_t$.

        Args:
            new: $n_t$, ``... x width``.
            old: $s_{t-1}$, a tensor of this shape or of one that is broadcast to it.
        """
        if self.drawn is not None:
            new = tf.where(self.drawn, old, new)
        elif self.mean:
            new = self.mean * old + (1.0 - self.mean) * new
        return new if self.valid is None else tf.where(self.valid, new, old)

    def affine(self, row: list[Tensor], end: Tensor, index: int) -> tuple[list[Tensor], Tensor]:
        r"""Return the coefficients of $s_t$, given those of $n_t = \sum_j a_j s^j_{t-1} + b$.

        A state that is held has $a_j = \delta_{ij}$ and $b = 0$.

        Args:
            row: $a_j$ for each state j of the block, ``time x batch x width``.
            end: b, ``time x batch x width``.
            index: the state's position i in the block.
        """
        same = [1.0 if index == j else 0.0 for j in range(len(row))]
        constants = [tf.constant(one, end.dtype) for one in same]
        held = [self.value(entry, one) for entry, one in zip(row, constants, strict=True)]
        return held, self.value(end, tf.zeros([], end.dtype))


def hold(problem: Problem, index: int, step: Tensor, shape: Tensor, valid: Tensor) -> Hold:
    """Return the hold of a state at one step.

    Args:
        problem: the call.
        index: the state's position among the cell's states; each state has its own draws.
        step: the index of the step, int32.
        shape: batch and width; only read if zoneout draws.
        valid: the mask of the step, ``batch x 1``, or None.
    """
    rate = problem.cell.states[index].zoneout
    if rate and problem.training:
        return Hold(bernoulli(problem.seed, index, step, shape, rate), 0.0, valid)
    return Hold(None, rate, valid)


def hold_always(problem: Problem, index: int, like: Tensor) -> Hold:
    """Return the hold of a state at all steps, with the same draws as `hold` at each step.

    Args:
        problem: the call.
        index: the state's position among the cell's states.
        like: any tensor of the state's shape, ``time x batch x width``.
    """

    def drawn(step: Tensor) -> Tensor:
        return hold(problem, index, step, tf.shape(like)[1:], None).drawn

    rate = problem.cell.states[index].zoneout
    if rate and problem.training:
        draws = tf.map_fn(drawn, tf.range(tf.shape(like)[0]), fn_output_signature=tf.bool)
        return Hold(draws, 0.0, problem.mask)
    return Hold(None, rate, problem.mask)
