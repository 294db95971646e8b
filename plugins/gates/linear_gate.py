"""A gate without an activation function: its value is its pre-activation."""

from gatekit import Gate, hookimpl


class Linear(Gate):
    """``linear = pre``, for equations that use a single read by itself, or share a projection.

    Reference: Kusupati et al., FastGRNN (2018), arXiv:1901.02358, where gates share a projection
    """

    def activate(self, pre):
        """Return the gate's value, ``batch x units``."""
        return pre


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"linear": Linear}
