"""The decay of gated linear attention: a root of a sigmoid, from maps of low rank."""

from gatekit import Gate, Projection, hookimpl, ops


class LowRank(Gate):
    """A slow gate of the input with few weights: its matrix is a product of two thin ones.

    ``down = A x``, ``up = B down + b``, ``low_rank = sigmoid(up) ** (1 / root)``

    Args:
        rank: the inner width of the two thin matrices.
        root: the root that is taken, which makes the gate forget `root` times as slowly.

    Reference: Yang et al., Gated Linear Attention Transformers with Hardware-Efficient Training
    (2023), arXiv:2312.06635
    """

    rank: int = 16
    root: float = 16.0
    reads = ()
    bias = False
    projections = {"down": Projection("x", bias=False, width="rank"), "up": Projection("down")}

    def activate(self, up):
        """Return the gate's value, ``batch x units``."""
        return ops.exp(ops.log_sigmoid(up) / self.root)


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"low_rank": LowRank}
