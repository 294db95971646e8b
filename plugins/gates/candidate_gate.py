"""The candidate of LSTM and GRU."""

from gatekit import Gate, hookimpl, ops


class Candidate(Gate):
    """What may enter the memory: ``candidate = tanh(pre)``.

    Reference: Hochreiter & Schmidhuber, Long Short-Term Memory (1997),
    doi:10.1162/neco.1997.9.8.1735
    """

    def activate(self, pre):
        """Return the gate's value, ``batch x units``."""
        return ops.tanh(pre)


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"candidate": Candidate}
