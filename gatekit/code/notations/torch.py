"""The notation of PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.code.copied import sources

from .notation import ALIKE, Framework

_TORCH_FUNCTIONS = {
    **{n: f"torch.{n}({{0}})" for n in (*ALIKE, "sigmoid", "relu")},
    **{n: f"F.{n}({{0}})" for n in ("softplus", "silu", "elu", "selu", "gelu", "softsign")},
    # The gradient of F.hardsigmoid has single precision.
    "hard_sigmoid": "torch.clamp({0:2} / 6 + 0.5, 0.0, 1.0)",
    "log_sigmoid": "F.logsigmoid({0})",
    "stop": "{0:5}.detach()",
    "minimum": "torch.minimum({0}, {1})",
    "maximum": "torch.maximum({0}, {1})",
    "clip": "torch.clamp({0}, {1}, {2})",
    "where": "torch.where({0:1} > 0, {1}, {2})",
    "softmax": "torch.softmax({0}, dim=-1)",
    "cumsum": "torch.cumsum({0}, dim=-1)",
    "cumax": "torch.cumsum(torch.softmax({0}, dim=-1), dim=-1)",
    "sum": "{0:5}.sum(-1, keepdim=True)",
    "mean": "{0:5}.mean(-1, keepdim=True)",
    "var": "{0:5}.var(-1, correction=0, keepdim=True)",
    "repeat": "torch.repeat_interleave({0}, {1}, dim=-1)",
    "outer": 'torch.einsum("...i,...j->...ij", {0}, {1})',
    "matvec": 'torch.einsum("...ij,...j->...i", {0}, {1})',
    "vecmat": 'torch.einsum("...i,...ij->...j", {0}, {1})',
    "dot": "({0:2} * {1:3}).sum(-1, keepdim=True)",
    "transpose": "{0:5}.mT",
    "split": "{0:5}.unflatten(-1, ({1}, -1))",
    "flat": "{0:5}.flatten(-2)",
    "column": "{0:5}[..., None]",
    "row": "{0:5}[..., None, :]",
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
    """Return torch's form for plain numbers, which its functions of two tensors do not take."""
    if name in ("minimum", "maximum"):
        tensor, number = (1, 0) if numbers[0] else (0, 1)
        side = "max" if name == "minimum" else "min"
        return f"torch.clamp({{{tensor}}}, {side}={{{number}}})"
    if name == "where" and numbers[1] and numbers[2]:
        return "torch.where({0:1} > 0, {1:5} * torch.ones_like({0}), {2})"
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
    zeros="torch.zeros_like({like})",
    stack="torch.stack([{pieces}], dim=-2)",
    constant="x.new_tensor({value})",
    count="{mask}.cumsum(dim=1)",
    all_steps=True,
    draws_noise=True,
    held="zoneout({new}, {old}, {rate}, self.training)",
)
