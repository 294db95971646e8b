"""Initializers of linear recurrences: how fast a unit decays, and how fast it turns."""

import numpy as np

from gatekit import GatekitError, Initializer, hookimpl

_INVERSES = {"exp": np.log, "softplus": lambda rate: np.log(np.expm1(rate))}


class Ring(Initializer):
    """A decay rate whose factor ``exp(-rate)`` is spread evenly over a ring of the unit disc.

    ``rate = -log(u (high^2 - low^2) + low^2) / 2``, ``u ~ U[0, 1]``

    The values drawn are raw weights, which the map ``through`` turns into rates.

    Args:
        low: the inner radius.
        high: the outer radius.
        through: the parameter's map, ``exp`` or ``softplus``.

    Reference: Orvieto et al., Resurrecting Recurrent Neural Networks for Long Sequences (2023),
    arXiv:2303.06349
    """

    low: float = 0.0
    high: float = 1.0
    through: str = "exp"

    def draw(self, rng, shape, context):
        """Return the raw weights.

        Raises:
            GatekitError: the ring is not within the unit disc, or the map is unknown.
        """
        if not 0.0 <= self.low < self.high <= 1.0:
            raise GatekitError(
                f"ring: low={self.low} and high={self.high} are expected as 0 <= low < high <= 1"
            )
        if self.through not in _INVERSES:
            raise GatekitError(f"ring: through={self.through!r} should be exp or softplus")
        u = rng.uniform(np.finfo(float).tiny, 1.0, shape)
        rate = -0.5 * np.log(u * (self.high**2 - self.low**2) + self.low**2)
        return _INVERSES[self.through](rate)


class LogUniform(Initializer):
    """The logarithm of a draw from ``U[low, high]``, for a parameter with ``map: exp``.

    Args:
        low: the lower end, from 0.
        high: the upper end; for the angle of an eigenvalue, in radians per step.

    Reference: Orvieto et al., Resurrecting Recurrent Neural Networks for Long Sequences (2023),
    arXiv:2303.06349
    """

    low: float = 0.0
    high: float = 2 * np.pi

    def draw(self, rng, shape, context):
        """Return the logarithms.

        Raises:
            GatekitError: the ends are not in order.
        """
        if not 0.0 <= self.low < self.high:
            raise GatekitError(f"log_uniform: 0 <= low={self.low} < high={self.high} should hold")
        return np.log(rng.uniform(max(self.low, np.finfo(float).tiny), self.high, shape))


@hookimpl
def gatekit_initializers():
    """Register the initializers."""
    return {"ring": Ring, "log_uniform": LogUniform}
