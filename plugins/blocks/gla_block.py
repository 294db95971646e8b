"""The block gla: a norm per head and a swish gate after the cell, then a SwiGLU."""

from gatekit import Block, hookimpl, ops


class GLABlock(Block):
    """The block of gated linear attention, with any cell in its place.

    ``h = norm(x)``, ``m = head_norm(mixer(h)) silu(W_r h + b_r)``, ``r = x + W_o m``,
    ``y = r + mlp(mlp_norm(r))``

    Each head is normalised by itself, and all heads share their gains, as in the authors' code.

    Args:
        heads: parts of the cell's output that are normalised separately.
        ratio: hidden units of the MLP, as a multiple of the width.
        expand: units of the cell where they are not given, as a multiple of the width.

    Reference: Yang et al., Gated linear attention Transformers with hardware-efficient training
        (2023), section 4.4, arXiv:2312.06635
    """

    heads: int = 4
    ratio: float = 8 / 3
    expand: float = 1.0

    def mix(self, parts, x):
        """Return the gated output of the mixer, each head normalised."""
        h = parts.norm("norm", x)
        mixed = parts.norm("head_norm", parts.mixer(h), groups=self.heads)
        return mixed * ops.silu(parts.dense("gate", h, parts.width_of(mixed), bias=True))

    def combine(self, parts, x, mixed):
        """Return the residual sum, after the MLP."""
        x = x + parts.dropout("dropout", parts.dense("project", mixed, parts.width))
        h = parts.norm("mlp_norm", x)
        return x + parts.dropout("mlp_dropout", parts.mlp("mlp", h, "swiglu", self.ratio))

    def finish(self, parts, x):
        """Return the normalised output of the last block."""
        return parts.norm("final_norm", x)


@hookimpl
def gatekit_blocks():
    """Register the block."""
    return {"gla": GLABlock}
