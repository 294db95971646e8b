"""The linear maps of reads: dense, diagonal, identity, block, low rank, skew-symmetric, frozen."""

from gatekit import GatekitError, LinearMap, hookimpl, ops


def _equal(width_in, width_out, kind):
    if width_in != width_out:
        raise GatekitError(
            f"a {kind} map connects equal widths, and here {width_in} meets {width_out}; "
            "use a dense map"
        )


class Dense(LinearMap):
    """A full matrix: ``z = u W``."""

    def shapes(self, width_in, width_out):
        """Return the shape of W."""
        return {"": (width_in, width_out)}

    def matrix(self, weights):
        """Return W."""
        return weights[""]


class Frozen(Dense):
    """A full matrix that is drawn once and not trained, as in an echo state network.

    Reference: Jaeger, The echo state approach (2001), GMD report 148
    """

    trainable = False


class Diagonal(LinearMap):
    """A weight per unit, as in a peephole: ``z = p * u``.

    Args:
        initializer: the name of the initializer of p.

    Reference: Gers, Schraudolph & Schmidhuber, Learning Precise Timing (2002), JMLR 3
    """

    row_wise = True
    initializer: str = "diagonal_normal"

    def shapes(self, width_in, width_out):
        """Return the shape of p."""
        _equal(width_in, width_out, "diagonal")
        return {"": (width_out,)}

    def apply(self, u, weights):
        """Return ``p * u``, ``... x units``."""
        return u * weights[""]


class Identity(LinearMap):
    """No weight at all: ``z = u``."""

    row_wise = True

    def shapes(self, width_in, width_out):
        """Return no shape."""
        _equal(width_in, width_out, "identity")
        return {}

    def apply(self, u, weights):
        """Return ``u``, ``... x units``."""
        return u


class Block(LinearMap):
    """A block-diagonal matrix, one block per head.

    Args:
        blocks: the number of blocks; it divides both widths.

    Reference: Beck et al., xLSTM (2024), arXiv:2405.04517 (heads); Kuchaiev & Ginsburg (2017),
    arXiv:1703.10722 (groups)
    """

    blocks: int = 4

    def shapes(self, width_in, width_out):
        """Return the shape of the stacked blocks."""
        if self.blocks < 1 or width_in % self.blocks or width_out % self.blocks:
            raise GatekitError(
                f"blocks={self.blocks} does not divide the widths {width_in} and {width_out}"
            )
        return {"": (self.blocks, width_in // self.blocks, width_out // self.blocks)}

    def apply(self, u, weights):
        """Return the product, ``... x units``."""
        return ops.block_product(u, weights[""])


class LowRank(LinearMap):
    """A product of two thin matrices: ``z = (u L) R``.

    Args:
        rank: the inner width.

    Reference: Kusupati et al., FastGRNN (2018), arXiv:1901.02358
    """

    rank: int = 8

    def shapes(self, width_in, width_out):
        """Return the shapes of L and R."""
        if self.rank < 1:
            raise GatekitError(f"rank={self.rank}: a whole number from 1 is expected")
        return {"left": (width_in, self.rank), "right": (self.rank, width_out)}

    def apply(self, u, weights):
        """Return the product, ``... x units``."""
        return (u @ weights["left"]) @ weights["right"]


class Skew(LinearMap):
    """A skew-symmetric matrix with a small damping: ``z = u (W - W^T - gamma I)^T``.

    Args:
        gamma: the damping.

    Reference: Chang et al., AntisymmetricRNN (2019), arXiv:1902.09689
    """

    gamma: float = 0.0

    def shapes(self, width_in, width_out):
        """Return the shape of W."""
        _equal(width_in, width_out, "skew")
        return {"": (width_in, width_out)}

    def matrix(self, weights):
        """Return the transpose of ``W - W^T - gamma I``, with which rows are multiplied."""
        w = weights[""]
        return ops.transpose(w) - w - self.gamma * ops.eye_like(w)


@hookimpl
def gatekit_linear_maps():
    """Register the linear maps."""
    return {
        "dense": Dense,
        "diagonal": Diagonal,
        "identity": Identity,
        "block": Block,
        "low_rank": LowRank,
        "skew": Skew,
        "frozen": Frozen,
    }
