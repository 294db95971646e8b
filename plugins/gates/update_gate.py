"""The update gate of the GRU."""

from gatekit import Gate, hookimpl, ops


class Update(Gate):
    """How much of the hidden state is kept: ``update = sigmoid(pre)``.

    Reference: Cho et al., Learning Phrase Representations using RNN Encoder-Decoder (2014),
    arXiv:1406.1078
    """

    def activate(self, pre):
        """Return the gate's value, ``batch x units``."""
        return ops.sigmoid(pre)


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"update": Update}
