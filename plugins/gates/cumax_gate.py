"""The master gates of the ON-LSTM."""

from gatekit import Gate, hookimpl, ops


class Cumax(Gate):
    """A gate that rises over the units from 0 to 1: the probability of a split up to each unit.

    ``cumax(pre) = cumsum(softmax(pre))``, or ``1 - cumax(pre)`` where ``falling`` is true.

    Args:
        falling: whether the gate falls from 1 to 0 instead.

    Reference: Shen et al., Ordered Neurons (2019), arXiv:1810.09536
    """

    falling: bool = False
    mixes_units = True

    def activate(self, pre):
        """Return the gate's value, ``batch x units``."""
        rising = ops.cumax(pre)
        return 1 - rising if self.falling else rising


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"cumax": Cumax}
