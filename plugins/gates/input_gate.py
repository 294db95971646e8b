"""The input gate of the LSTM."""

from gatekit import Gate, hookimpl, ops


class Input(Gate):
    """How much of the candidate enters the memory: ``input = sigmoid(pre)``.

    Reference: Hochreiter & Schmidhuber, Long Short-Term Memory (1997),
    doi:10.1162/neco.1997.9.8.1735
    """

    def activate(self, pre):
        """Return the gate's value, ``batch x units``."""
        return ops.sigmoid(pre)


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"input": Input}
