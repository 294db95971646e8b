"""The block griffin: two branches, one with the recurrence, then a gated MLP."""

from gatekit import Block, hookimpl, ops


class Griffin(Block):
    """The residual block of Hawk and Griffin, with any cell in place of the RG-LRU.

    ``h = norm(x)``, ``m = mixer(conv(W_1 h + b_1)) gelu(W_2 h + b_2)``, ``r = x + W_o m``,
    ``y = r + mlp(mlp_norm(r))``

    The MLP has a gelu gate (GeGLU), and norms are RMS norms.

    Args:
        conv: steps that the causal convolution of each channel reads; 0 for none.
        ratio: hidden units of the MLP, as a multiple of the width.
        expand: units of the cell where they are not given, as a multiple of the width.

    Reference: De et al., Griffin: mixing gated linear recurrences with local attention for
        efficient language models (2024), section 2, arXiv:2402.19427
    """

    conv: int = 4
    ratio: float = 3.0
    expand: float = 4 / 3

    def mix(self, parts, x):
        """Return the product of the two branches."""
        h = parts.norm("norm", x)
        inner = parts.dense("input", h, parts.units, bias=True)
        mixed = parts.mixer(parts.convolution("conv", inner, self.conv))
        return mixed * ops.gelu(parts.dense("gate", h, parts.width_of(mixed), bias=True))

    def combine(self, parts, x, mixed):
        """Return the residual sum, after the MLP."""
        x = x + parts.dropout("dropout", parts.dense("project", mixed, parts.width))
        h = parts.norm("mlp_norm", x)
        return x + parts.dropout("mlp_dropout", parts.mlp("mlp", h, "geglu", self.ratio))

    def finish(self, parts, x):
        """Return the normalised output of the last block."""
        return parts.norm("final_norm", x)


@hookimpl
def gatekit_blocks():
    """Register the block."""
    return {"griffin": Griffin}
