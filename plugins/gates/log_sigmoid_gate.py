"""A sigmoid gate in logarithmic form."""

from gatekit import Gate, hookimpl, ops


class LogSigmoid(Gate):
    """``log_sigmoid(pre) = -softplus(-pre)``, the logarithm of a sigmoid gate.

    Reference: Beck et al., xLSTM: Extended Long Short-Term Memory (2024), arXiv:2405.04517
    """

    def activate(self, pre):
        """Return the gate's value, ``batch x units``."""
        return ops.log_sigmoid(pre)


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"log_sigmoid": LogSigmoid}
