"""The block slstm: convolution, cell, group norm, then a gated MLP."""

from gatekit import Block, hookimpl, ops


class SLSTMBlock(Block):
    """The post-up-projection block of xLSTM, with any cell in place of the sLSTM.

    ``m = head_norm(mixer(silu(conv(norm(x)))))``, ``r = x + m``, ``y = r + mlp(mlp_norm(r))``

    Norms are layer norms, and the MLP has a gelu gate (GeGLU). Two things differ from the paper:
    every gate of the cell reads the convolved input, not only the input and forget gates, and
    heads share the gains of their norm.

    Args:
        conv: steps that the causal convolution of each channel reads; 0 for none.
        heads: parts of the cell's output that are normalised separately.
        ratio: hidden units of the MLP, as a multiple of the width.
        expand: units of the cell where they are not given, as a multiple of the width.

    Reference: Beck et al., xLSTM: extended long short-term memory (2024), figure 10,
        arXiv:2405.04517
    """

    conv: int = 4
    heads: int = 4
    ratio: float = 4 / 3
    expand: float = 1.0

    def mix(self, parts, x):
        """Return the mixer's output, each head normalised."""
        h = parts.norm("norm", x, "layer")
        read = ops.silu(parts.convolution("conv", h, self.conv)) if self.conv else h
        return parts.norm("head_norm", parts.mixer(read), "layer", groups=self.heads)

    def combine(self, parts, x, mixed):
        """Return the residual sum, after the MLP."""
        x = x + parts.dropout("dropout", parts.fitted("project", mixed))
        h = parts.norm("mlp_norm", x, "layer")
        return x + parts.dropout("mlp_dropout", parts.mlp("mlp", h, "geglu", self.ratio))

    def finish(self, parts, x):
        """Return the normalised output of the last block."""
        return parts.norm("final_norm", x, "layer")


@hookimpl
def gatekit_blocks():
    """Register the block."""
    return {"slstm": SLSTMBlock}
