"""A tanh unit."""

from gatekit import Gate, hookimpl, ops


class Tanh(Gate):
    """``tanh(pre)``, for any role.

    Reference: Elman, Finding Structure in Time (1990), doi:10.1207/s15516709cog1402_1
    """

    def activate(self, pre):
        """Return the gate's value, ``batch x units``."""
        return ops.tanh(pre)


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"tanh": Tanh}
