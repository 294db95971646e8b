"""The block mamba: expanded input, convolution, mixer, and a silu gate; no MLP."""

from gatekit import Block, hookimpl, ops


class MambaBlock(Block):
    """The block of Mamba, with any cell in place of its selective state space.

    ``h = norm(x)``, ``m = mixer(silu(conv(W_x h))) silu(W_z h)``, ``y = x + W_o m``

    Args:
        conv: steps that the causal convolution of each channel reads; 0 for none.
        expand: units of the cell where they are not given, as a multiple of the width.

    Reference: Gu and Dao, Mamba: linear-time sequence modeling with selective state spaces (2023),
        section 3.4, arXiv:2312.00752
    """

    conv: int = 4
    expand: float = 2.0

    def mix(self, parts, x):
        """Return the gated output of the mixer."""
        h = parts.norm("norm", x)
        inner = parts.dense("input", h, parts.units)
        mixed = parts.mixer(ops.silu(parts.convolution("conv", inner, self.conv)))
        return mixed * ops.silu(parts.dense("gate", h, parts.width_of(mixed)))

    def combine(self, parts, x, mixed):
        """Return the residual sum."""
        return x + parts.dropout("dropout", parts.dense("project", mixed, parts.width))

    def finish(self, parts, x):
        """Return the normalised output of the last block."""
        return parts.norm("final_norm", x)


@hookimpl
def gatekit_blocks():
    """Register the block."""
    return {"mamba": MambaBlock}
