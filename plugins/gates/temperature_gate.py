"""A gate with a learned temperature."""

from gatekit import Gate, Projection, hookimpl, ops


class Temperature(Gate):
    """A sigmoid gate that learns when to be sharp and when to be soft.

    ``tau = V x + b``, ``temperature = sigmoid(pre / softplus(tau))``; it starts near a temperature
    of 1.

    Reference: unpublished
    """

    projections = {"tau": Projection("x", first_bias=0.5413248546129181)}  # log(e - 1)

    def activate(self, pre, tau):
        """Return the gate's value, ``batch x units``."""
        return ops.sigmoid(pre / ops.softplus(tau))


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"temperature": Temperature}
