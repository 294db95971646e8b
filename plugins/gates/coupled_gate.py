"""The input gate that is coupled to the forget gate."""

from gatekit import Gate, hookimpl


class Coupled(Gate):
    """What is not forgotten is written: ``coupled = 1 - forget``.

    Reference: Greff et al., LSTM: A Search Space Odyssey (2015), arXiv:1503.04069, variant CIFG
    """

    reads = ()
    bias = False

    def activate(self, forget):
        """Return the gate's value, ``batch x units``."""
        return 1 - forget


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"coupled": Coupled}
