"""The reset gate of the GRU."""

from gatekit import Gate, hookimpl, ops


class Reset(Gate):
    """How much of the hidden state the candidate sees: ``reset = sigmoid(pre)``.

    Reference: Cho et al., Learning Phrase Representations using RNN Encoder-Decoder (2014),
    arXiv:1406.1078
    """

    def activate(self, pre):
        """Return the gate's value, ``batch x units``."""
        return ops.sigmoid(pre)


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"reset": Reset}
