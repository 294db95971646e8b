"""The block residual: a norm before the recurrent layer, and a residual connection."""

from typing import Literal

from gatekit import Block, hookimpl


class Residual(Block):
    """A pre-norm residual block; the mixer's output is projected where its width differs.

    ``y = x + mixer(norm(x))``

    Args:
        norm: ``rms``, ``layer`` or ``none``.

    Reference: Xiong et al., On layer normalization in the Transformer architecture (2020),
        arXiv:2002.04745
    """

    norm: Literal["rms", "layer", "none"] = "rms"

    def mix(self, parts, x):
        """Return the recurrent layer's output for the normalised input."""
        return parts.mixer(parts.norm("norm", x, self.norm))

    def finish(self, parts, x):
        """Return the normalised output of the last block."""
        return parts.norm("final_norm", x, self.norm)


@hookimpl
def gatekit_blocks():
    """Register the block."""
    return {"residual": Residual}
