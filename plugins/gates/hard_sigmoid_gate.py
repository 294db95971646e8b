"""A piecewise linear gate."""

from gatekit import Gate, hookimpl, ops


class HardSigmoid(Gate):
    """``hard_sigmoid(pre) = clip(pre / 6 + 1/2, 0, 1)``.

    Reference: Courbariaux, Bengio & David, BinaryConnect (2015), arXiv:1511.00363
    (there with slope 1/2)
    """

    def activate(self, pre):
        """Return the gate's value, ``batch x units``."""
        return ops.hard_sigmoid(pre)


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"hard_sigmoid": HardSigmoid}
