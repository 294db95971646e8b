"""Forget biases whose time scales follow a power law."""

import numpy as np

from gatekit import GatekitError, Initializer, hookimpl


class PowerLaw(Initializer):
    """A forget bias for time scales that follow a power law from one step up to ``t_max``.

    ``b = -log(exp(1 / T) - 1)``, T in [1, t_max] with a density proportional to ``T^-exponent``:
    with this bias alone, the gate keeps the share ``exp(-1 / T)`` in a step. With the exponent 0, T
    is uniform, as in ``chrono``; with 1, log T is uniform. Give the input gate
    ``{negative_of: forget}``.

    Args:
        t_max: the longest time scale, in steps.
        exponent: how fast long time scales get rare.

    Reference: Mahto et al., Multi-timescale Representation Learning in LSTM Language Models (2021),
    arXiv:2009.12727, where units with such time scales forget by a power law together
    """

    t_max: float = 1000.0
    exponent: float = 1.0

    def draw(self, rng, shape, context):
        """Return the draws."""
        if self.t_max <= 1:
            raise GatekitError(f"power_law: t_max={self.t_max} should be above 1 step")
        u, rest = rng.uniform(size=shape), 1.0 - self.exponent
        if abs(rest) < 1e-6:
            scales = self.t_max**u
        else:
            scales = (1.0 + u * (self.t_max**rest - 1.0)) ** (1.0 / rest)
        return -np.log(np.expm1(1.0 / scales))


@hookimpl
def gatekit_initializers():
    """Register the initializer."""
    return {"power_law": PowerLaw}
