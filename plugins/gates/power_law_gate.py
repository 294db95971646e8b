"""The power-law forget gate."""

from gatekit import Gate, Parameter, hookimpl, ops


class PowerLaw(Gate):
    """A forget gate under which information decays by a power law in the time since it was reset.

    ``r = sigmoid(pre)``, ``k = r t + (1 - r) k_prev``,
    ``forget = ((t - k + 1) / (t - k + eps))^(-p)``

    ``t`` counts the valid steps, 1 at the first; ``k`` is the reference time, one per unit; ``p``
    in (0, 1) is learned.

    Args:
        eps: what keeps the ratio finite at a reset, in steps.

    Reference: Chien et al., Slower is Better: Revisiting the Forgetting Mechanism in LSTM (2021),
    arXiv:2105.05944
    """

    eps: float = 1e-3
    parameters = {"p": Parameter("units", init=0.5, map="sigmoid")}
    states = {"k": 0.0}

    def activate(self, pre, p, k_prev, t):
        """Return the gate's value and the new reference time, each ``batch x units``."""
        r = ops.sigmoid(pre)
        k = r * t + (1 - r) * k_prev
        return ((t - k + 1) / (t - k + self.eps)) ** -p, {"k": k}


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"power_law": PowerLaw}
