"""Forget biases whose time scales follow an inverse gamma distribution."""

import numpy as np

from gatekit import GatekitError, Initializer, hookimpl


class InverseGamma(Initializer):
    """A forget bias for time scales drawn from an inverse gamma distribution.

    ``b = -log(exp(1 / T) - 1)``, ``T ~ InverseGamma(alpha, scale)`` in steps: with this bias alone,
    the gate keeps the share ``exp(-1 / T)`` in a step. Give the input gate
    ``{negative_of: forget}``.

    Args:
        alpha: the shape; below 1 the mean of T is infinite.
        scale: the scale, in steps.

    Reference: Mahto et al., Multi-timescale Representation Learning in LSTM Language Models (2021),
    arXiv:2009.12727
    """

    alpha: float = 0.56
    scale: float = 1.0

    def draw(self, rng, shape, context):
        """Return the draws."""
        if self.alpha <= 0 or self.scale <= 0:
            raise GatekitError(
                f"inverse_gamma: alpha={self.alpha} and scale={self.scale} should be above 0"
            )
        # A draw of 0 would mean an infinite memory.
        rate = np.maximum(rng.gamma(self.alpha, size=shape) / self.scale, 1e-12)
        return -rate - np.log(-np.expm1(-rate))


@hookimpl
def gatekit_initializers():
    """Register the initializer."""
    return {"inverse_gamma": InverseGamma}
