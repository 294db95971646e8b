"""A gate with a hidden layer."""

from gatekit import Gate, Projection, hookimpl, ops


class TwoLayer(Gate):
    """A sigmoid of a network with one hidden layer, as a deep transition has.

    ``hidden = A x + B h_prev + b``, ``deep = C tanh(hidden) + d``, ``two_layer = sigmoid(deep)``

    Reference: Pascanu et al., How to Construct Deep Recurrent Neural Networks (2013),
    arXiv:1312.6026, the transition of the DT-RNN in place of a gate's linear map
    """

    reads = ()
    bias = False
    projections = {
        "hidden": Projection(("x", "h_prev")),
        "deep": Projection("tanh(hidden)"),
    }

    def activate(self, deep):
        """Return the gate's value, ``batch x units``."""
        return ops.sigmoid(deep)


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"two_layer": TwoLayer}
