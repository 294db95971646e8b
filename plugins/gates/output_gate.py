"""The output gate of the LSTM."""

from gatekit import Gate, hookimpl, ops


class Output(Gate):
    """How much of the memory is shown: ``output = sigmoid(pre)``.

    Reference: Hochreiter & Schmidhuber, Long Short-Term Memory (1997),
    doi:10.1162/neco.1997.9.8.1735
    """

    def activate(self, pre):
        """Return the gate's value, ``batch x units``."""
        return ops.sigmoid(pre)


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"output": Output}
