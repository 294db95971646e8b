"""A gate that sees how new the input is."""

from gatekit import Gate, Projection, State, hookimpl, ops


class Novelty(Gate):
    """A sigmoid gate that also reads how far the input is from its recent average.

    ``new_t = V |x_t - m_{t-1}|``, ``novelty_t = sigmoid(pre_t + new_t)``,
    ``m_t = rate m_{t-1} + (1 - rate) x_t``

    Args:
        rate: share of the average that is kept in each step, from 0 to below 1.

    Reference: unpublished
    """

    rate: float = 0.9
    states = {"m": State("features")}
    projections = {"new": Projection("abs(x - m_prev)", bias=False)}

    def activate(self, pre, new, x, m_prev):
        """Return the gate's value, ``batch x units``, and the average, ``batch x features``."""
        return ops.sigmoid(pre + new), {"m": self.rate * m_prev + (1 - self.rate) * x}


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"novelty": Novelty}
