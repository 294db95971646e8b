"""The forget gate of the LSTM."""

from gatekit import Gate, hookimpl, ops


class Forget(Gate):
    """How much of the memory stays: ``forget = sigmoid(pre)``.

    Reference: Gers, Schmidhuber & Cummins, Learning to Forget (2000),
    doi:10.1162/089976600300015015
    """

    def activate(self, pre):
        """Return the gate's value, ``batch x units``."""
        return ops.sigmoid(pre)


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"forget": Forget}
