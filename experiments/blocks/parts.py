"""The block parts: those of the block modern, each of which can be left out."""

from gatekit import Block, hookimpl, ops


class PartByPart(Block):
    """A norm, a convolution, silu, a projection and a residual sum around the recurrent layer.

    ``m = W_o mixer(silu(conv(norm(x))))``, ``y = x + m``

    With every part it is the block `modern` without its gate, its second norm and its MLP.

    Args:
        norm: ``rms`` or ``none``.
        conv: steps that the causal convolution of each channel reads; 0 for none.
        silu: whether silu follows the convolution, or its place.
        project: whether a matrix maps the recurrent layer's output.
        residual: whether the block's input is added.

    Reference: unpublished
    """

    norm: str = "rms"
    conv: int = 4
    silu: bool = True
    project: bool = True
    residual: bool = True

    def mix(self, parts, x):
        """Return the recurrent layer's output, ``batch x time x units``."""
        h = parts.convolution("conv", parts.norm("norm", x, self.norm), self.conv)
        return parts.mixer(ops.silu(h) if self.silu else h)

    def combine(self, parts, x, mixed):
        """Return the block's output, ``batch x time x width``."""
        m = parts.dense("out_project", mixed, parts.width) if self.project else mixed
        return x + m if self.residual else m

    def finish(self, parts, x):
        """Return the input of the head, normalised as in the block."""
        return parts.norm("final_norm", x, self.norm)


@hookimpl
def gatekit_blocks():
    """Register the block."""
    return {"parts": PartByPart}
