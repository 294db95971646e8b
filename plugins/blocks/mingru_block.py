"""The block mingru: a convolution before the mixer, and an MLP after it."""

from gatekit import Block, hookimpl


class MinGRUBlock(Block):
    """The block in which minGRU and minLSTM were trained as language models.

    ``r = x + W_o mixer(conv(norm(x)))``, ``y = r + mlp(mlp_norm(r))``

    Norms are RMS norms and the MLP has gelu. The paper gives the order of the parts, but not every
    size.

    Args:
        conv: steps that the causal convolution of each channel reads; 0 for none.
        ratio: hidden units of the MLP, as a multiple of the width.
        expand: units of the cell where they are not given, as a multiple of the width.

    Reference: Feng et al., Were RNNs all we needed? (2024), arXiv:2410.01201; the order is
        confirmed by the authors in https://github.com/lucidrains/minGRU-pytorch/issues/1
    """

    conv: int = 4
    ratio: float = 4.0
    expand: float = 1.0

    def mix(self, parts, x):
        """Return the mixer's output for the convolved input."""
        return parts.mixer(parts.convolution("conv", parts.norm("norm", x), self.conv))

    def combine(self, parts, x, mixed):
        """Return the residual sum, after the MLP."""
        x = x + parts.dropout("dropout", parts.fitted("project", mixed))
        h = parts.norm("mlp_norm", x)
        return x + parts.dropout("mlp_dropout", parts.mlp("mlp", h, "gelu", self.ratio))

    def finish(self, parts, x):
        """Return the normalised output of the last block."""
        return parts.norm("final_norm", x)


@hookimpl
def gatekit_blocks():
    """Register the block."""
    return {"mingru": MinGRUBlock}
