"""The stabilised exponential gate of the sLSTM."""

from gatekit import Gate, hookimpl, ops


class Exponential(Gate):
    """A gate given by its logarithm, scaled by a running stabiliser.

    ``exponential = exp(pre - stabiliser)``

    ``pre`` is the logarithm of the gate; bind ``stabiliser`` to the running maximum of the cell.

    Reference: Beck et al., xLSTM: Extended Long Short-Term Memory (2024), arXiv:2405.04517
    """

    def activate(self, pre, stabiliser):
        """Return the gate's value, ``batch x units``."""
        return ops.exp(pre - stabiliser)


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"exponential": Exponential}
