"""The output unit that mixes the last four emissions."""

from gatekit import OutputUnit, Parameter, hookimpl, ops


class MixLast(OutputUnit):
    """A learned mean of the last four emissions: ``y_t = sum_k softmax(w)_k emitted_{t - 3 + k}``.

    k runs from 0 to 3, over valid steps; the newest is last.

    Reference: Bahdanau, Cho & Bengio, Neural Machine Translation by Jointly Learning to Align and
    Translate (2014), arXiv:1409.0473, reduced to fixed weights over a short window
    """

    bias = False
    history = {"emitted": 4}
    parameters = {"w": Parameter(4, init=0.0)}

    def emit(self, emitted_history, w):
        """Return the mixture, ``... x units``, of a history ``... x 4 x units``."""
        return ops.vecmat(ops.softmax(w), emitted_history)


@hookimpl
def gatekit_output_units():
    """Register the output unit."""
    return {"mix_last": MixLast}
