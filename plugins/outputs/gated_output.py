"""The output unit with a gate of its own."""

from gatekit import OutputUnit, hookimpl, ops


class Gated(OutputUnit):
    """``y = sigmoid(x W_x + emitted W_h + b) * emitted``.

    Reference: Dauphin et al., Language Modeling with Gated Convolutional Networks (2017),
    arXiv:1612.08083
    """

    reads = ("x", "emitted")

    def emit(self, pre, emitted):
        """Return the gated emission, ``... x units``."""
        return ops.sigmoid(pre) * emitted


@hookimpl
def gatekit_output_units():
    """Register the output unit."""
    return {"gated": Gated}
