"""The block modern: norm, short convolution, mixer, gated norm, projection, then an MLP."""

from typing import Literal

from gatekit import Block, hookimpl, ops


class Modern(Block):
    """The parts that papers since 2023 put around a recurrent layer; most can be switched off.

    ``h = norm(x)``, ``m = out_norm(mixer(silu(conv(h)))) silu(W_g h)``, ``r = x + W_o m``,
    ``y = r + mlp(mlp_norm(r))``

    Args:
        norm: ``rms``, ``layer`` or ``none``.
        conv: steps that the causal convolution of each channel reads; 0 for none.
        gate: whether a silu branch multiplies the mixer's output.
        out_norm: whether the mixer's output is normalised, by the same norm.
        mlp: ``swiglu``, ``gelu`` or ``none``.
        ratio: hidden units of the MLP, as a multiple of the width.
        expand: units of the cell where they are not given, as a multiple of the width.

    Reference: Danieli et al., ParaRNN (2025), appendix C.2, arXiv:2510.21450; the convolution:
        Arora et al., Zoology (2023), arXiv:2312.04927; SwiGLU: Shazeer (2020), arXiv:2002.05202
    """

    norm: Literal["rms", "layer", "none"] = "rms"
    conv: int = 4
    gate: bool = True
    out_norm: bool = True
    mlp: Literal["swiglu", "gelu", "none"] = "swiglu"
    ratio: float = 2.0
    expand: float = 1.0

    def mix(self, parts, x):
        """Return the gated and normalised output of the mixer."""
        h = parts.norm("norm", x, self.norm)
        read = ops.silu(parts.convolution("conv", h, self.conv)) if self.conv else h
        mixed = parts.mixer(read)
        if self.out_norm:
            mixed = parts.norm("out_norm", mixed, self.norm)
        if self.gate:
            mixed = mixed * ops.silu(parts.dense("gate", h, parts.width_of(mixed)))
        return mixed

    def combine(self, parts, x, mixed):
        """Return the residual sum, after the MLP."""
        x = x + parts.dropout("dropout", parts.dense("project", mixed, parts.width))
        if self.mlp == "none":
            return x
        h = parts.norm("mlp_norm", x, self.norm)
        return x + parts.dropout("mlp_dropout", parts.mlp("mlp", h, self.mlp, self.ratio))

    def finish(self, parts, x):
        """Return the normalised output of the last block."""
        return parts.norm("final_norm", x, self.norm)


@hookimpl
def gatekit_blocks():
    """Register the block."""
    return {"modern": Modern}
