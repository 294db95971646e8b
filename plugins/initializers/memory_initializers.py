"""Initializers of matrix memories and state space models: fixed systems, rates, step sizes."""

import numpy as np

from gatekit import GatekitError, Initializer, hookimpl


class Legendre(Initializer):
    """The delay system of the Legendre memory unit, discretised by a zero-order hold.

    ``dm/dt = (A m + B u) / theta``, ``A_ij = (2 i + 1) (-1 if i < j else (-1)^(i - j + 1))``,
    ``B_i = (2 i + 1) (-1)^i``; a square matrix starts as the discretised A^T, a single row as B^T.

    Args:
        theta: the length of the window that the memory holds, in steps.

    Reference: Voelker, Kajić & Eliasmith, Legendre Memory Units (2019), NeurIPS 32
    """

    theta: float = 100.0

    def draw(self, rng, shape, context):
        """Return the matrix, by which row vectors are multiplied."""
        if len(shape) != 2 or shape[1] < 2 or shape[0] not in (1, shape[1]):
            raise GatekitError(
                f"legendre needs a square matrix or a single row of at least 2, not {shape}"
            )
        from scipy.signal import cont2discrete

        order = shape[1]
        i, j = np.ogrid[:order, :order]
        a = np.where(i < j, -1.0, (-1.0) ** (i - j + 1)) * (2 * i + 1)
        b = (-1.0) ** i * (2 * i + 1)
        system = (a / self.theta, b / self.theta, np.eye(order), np.zeros((order, 1)))
        held = cont2discrete(system, dt=1.0, method="zoh")
        return (held[0] if shape[0] == order else held[1]).T


class Retention(Initializer):
    """Decay rates of retention heads: ``1 - 2^(-5 - i)`` for head i from 0.

    Reference: Sun et al., Retentive Network (2023), arXiv:2307.08621
    """

    def draw(self, rng, shape, context):
        """Return the rates."""
        return 1.0 - 2.0 ** (-5.0 - np.arange(shape[0]))


class Rotary(Initializer):
    """Angles per step that fall geometrically from 1 to ``1 / base``.

    Args:
        base: the largest period over 2 pi.

    Reference: Sun et al., Retentive Network (2023), arXiv:2307.08621
    """

    base: float = 10000.0

    def draw(self, rng, shape, context):
        """Return the angles, in radians per step."""
        return self.base ** -np.linspace(0.0, 1.0, shape[0])


class S4dReal(Initializer):
    """The logarithms of 1 to n for each of the layer's units, the decay rates of S4D-Real.

    Reference: Gu & Dao, Mamba (2023), arXiv:2312.00752
    """

    def draw(self, rng, shape, context):
        """Return the logarithms, unit by unit."""
        if shape[0] % context.units:
            raise GatekitError(
                f"s4d_real draws a row for each of {context.units} units, and {shape[0]} numbers "
                "are asked for"
            )
        return np.tile(np.log(np.arange(1, shape[0] // context.units + 1)), context.units)


class TimeStep(Initializer):
    """A bias whose softplus is log-uniform from ``low`` to ``high``.

    Args:
        low: the shortest step.
        high: the longest step.

    Reference: Gu & Dao, Mamba (2023), arXiv:2312.00752
    """

    low: float = 0.001
    high: float = 0.1

    def draw(self, rng, shape, context):
        """Return the draws."""
        if not 0.0 < self.low <= self.high:
            raise GatekitError(f"time_step: 0 < low={self.low} <= high={self.high} should hold")
        step = np.exp(rng.uniform(np.log(self.low), np.log(self.high), shape))
        return step + np.log(-np.expm1(-step))


@hookimpl
def gatekit_initializers():
    """Register the initializers."""
    return {
        "legendre": Legendre,
        "retention": Retention,
        "rotary": Rotary,
        "s4d_real": S4dReal,
        "time_step": TimeStep,
    }
