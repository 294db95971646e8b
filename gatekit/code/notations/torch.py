"""The notation of PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.code.sources import sources

from .notation import Framework, functions

_TORCH_FUNCTIONS = {
    **functions("torch", "torch"),
    "concat": "torch.cat([{0}], dim=-1)",
    "rotation": "torch.linalg.matrix_exp({0})",
    "layer_norm": "F.layer_norm({0}, {0:5}.shape[-1:], eps={1})",
    "scaled_norm": "F.layer_norm({0}, {0:5}.shape[-1:], {2}, eps={1})",
    "affine_norm": "F.layer_norm({0}, {0:5}.shape[-1:], {2}, {3}, {1})",
}
# The matrices of initial values are those of NumPy.
_HELPERS = {
    **{name: sources("numpy")[name] for name in ("legendre", "hippo")},
    **sources("torch"),
}


def _torch_numbers(name: str, numbers: Sequence[bool]) -> str | None:
    """Return torch's form for plain numbers, which its functions of tensors do not take."""
    if name in ("minimum", "maximum"):
        tensor, number = (1, 0) if numbers[0] else (0, 1)
        side = "max" if name == "minimum" else "min"
        return f"torch.clamp({{{tensor}}}, {side}={{{number}}})"
    if name == "clip" and numbers[1] != numbers[2]:
        return "torch.clamp(torch.clamp({0}, min={1}), max={2})"
    return None


TORCH = Framework(
    "torch",
    _TORCH_FUNCTIONS,
    _HELPERS,
    "Tensor",
    frozenset(["torch", "nn", "F", "np", "math", "Tensor", "self", "cont2discrete"]),
    _torch_numbers,
    chunk="{z}.chunk({count}, dim=-1)",
    cut="{z}.split([{sizes}], dim=-1)",
    cuts_at_ends=False,
    append="torch.cat([{earlier}, {now}[:, None]], dim=1)",
    zeros_like="{like}.new_zeros({shape})",
    constant="x.new_tensor({value})",
    count="{mask}.cumsum(dim=1)",
    all_steps=True,
    noise='draw_noise({like}, {width}, "{kind}", self.training)',
    held="zoneout({new}, {old}, {rate}, self.training)",
)
