"""The refine gate."""

from gatekit import Gate, hookimpl, ops


class Refine(Gate):
    """A gate that another gate can push away from saturation.

    ``r = sigmoid(pre)``, ``refine = (1 - 2 r) forget^2 + 2 r forget``

    Reference: Gu et al., Improving the Gating Mechanism of Recurrent Neural Networks (2020),
    arXiv:1910.09890
    """

    def activate(self, pre, forget):
        """Return the gate's value, ``batch x units``."""
        return (1 - 2 * ops.sigmoid(pre)) * forget**2 + 2 * ops.sigmoid(pre) * forget


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"refine": Refine}
