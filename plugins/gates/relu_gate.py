"""A rectified linear unit."""

from gatekit import Gate, hookimpl, ops


class Relu(Gate):
    """``relu(pre) = max(pre, 0)``.

    Reference: Le, Jaitly & Hinton, A Simple Way to Initialize Recurrent Networks (2015),
    arXiv:1504.00941
    """

    def activate(self, pre):
        """Return the gate's value, ``batch x units``."""
        return ops.relu(pre)


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"relu": Relu}
