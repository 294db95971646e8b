"""The gate slow: a forget gate whose memory fades `stretch` times as slowly."""

from gatekit import Gate, hookimpl, ops


class Slow(Gate):
    """A sigmoid gate whose decay is stretched in time.

    ``slow = sigmoid(pre) ** (1 / stretch)``

    Args:
        stretch: how many steps forget what a sigmoid gate forgets in one, from 1.

    Reference: unpublished
    """

    stretch: float = 4.0

    def activate(self, pre):
        """Return the gate's value, ``batch x units``."""
        return ops.exp(ops.log_sigmoid(pre) / self.stretch)


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"slow": Slow}
