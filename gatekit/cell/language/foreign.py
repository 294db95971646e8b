"""Functions of other libraries, with their equivalents in equations and in `gatekit.ops`."""

from __future__ import annotations

import ast
from collections.abc import Sequence

LIBRARIES = (
    "np",
    "numpy",
    "tf",
    "tensorflow",
    "torch",
    "jnp",
    "jax",
    "keras",
    "math",
    "nn",
    "K",
    "F",
)
"""The names under which other libraries are usually imported."""

FUNCTIONS = {
    **dict.fromkeys(("mul", "multiply", "hadamard", "times", "elementwise"), "a * b"),
    **dict.fromkeys(("add", "plus"), "a + b"),
    **dict.fromkeys(("sub", "subtract", "minus"), "a - b"),
    **dict.fromkeys(("div", "divide", "true_divide", "truediv"), "a / b"),
    **dict.fromkeys(("pow", "power", "float_power"), "a**b"),
    **dict.fromkeys(("neg", "negative"), "-a"),
    **dict.fromkeys(("mod", "fmod", "remainder"), "a - b * floor(a / b)"),
    **dict.fromkeys(("cond", "ifelse", "select", "switch", "iff"), "where(a, b, c)"),
    **dict.fromkeys(("heaviside", "step", "binary", "threshold"), "where(a, 1, 0)"),
    **dict.fromkeys(("leaky_relu", "lrelu", "prelu"), "maximum(a, 0.01 * a)"),
    **dict.fromkeys(("sigma", "sigm", "logistic", "expit"), "sigmoid(a)"),
    **dict.fromkeys(("round", "rint"), "floor(a + 0.5)"),
    **dict.fromkeys(("lerp", "mix", "interpolate"), "a + c * (b - a)"),
    "ones_like": "0 * a + 1",
    "zeros_like": "0 * a",
    "ones": "1",
    "zeros": "0",
    **dict.fromkeys(("norm", "l2", "l2_norm"), "sqrt(sum(square(a)))"),
    **dict.fromkeys(("std", "stddev", "reduce_std"), "sqrt(var(a))"),
    **dict.fromkeys(("average", "avg", "reduce_mean"), "mean(a)"),
    **dict.fromkeys(("concat", "concatenate", "cat", "stack"), ""),
    **dict.fromkeys(("inv", "reciprocal"), "1 / a"),
    **dict.fromkeys(("sinh", "dsinh"), "(exp(a) - exp(-a)) / 2"),
    "ceil": "-floor(-a)",
    "cosh": "(exp(a) + exp(-a)) / 2",
    "max": "maximum(a, b)",
    "min": "minimum(a, b)",
    "mish": "a * tanh(softplus(a))",
    **dict.fromkeys(("hard_tanh", "hardtanh"), "clip(a, -1, 1)"),
    **dict.fromkeys(("clamp_min", "clip_min"), "maximum(a, b)"),
    **dict.fromkeys(("clamp_max", "clip_max"), "minimum(a, b)"),
    "log_softmax": "log(softmax(a))",
    "tanhshrink": "a - tanh(a)",
    "relu6": "clip(a, 0, 6)",
    "reduce_sum": "sum(a)",
    "rsqrt": "1 / sqrt(a)",
    "tan": "sin(a) / cos(a)",
    "logsumexp": "log(sum(exp(a)))",
    "log2": "log(a) / log(2)",
    "log10": "log(a) / log(10)",
    "exp2": "exp(a * log(2))",
    "cube": "a**3",
    **dict.fromkeys(("sq", "sqr"), "square(a)"),
    "square_root": "sqrt(a)",
    "rms": "sqrt(mean(square(a)))",
    "hypot": "sqrt(square(a) + square(b))",
    "inner": "dot(a, b)",
    "logit": "log(a / (1 - a))",
    "logaddexp": "b + softplus(a - b)",
    **dict.fromkeys(("atanh", "arctanh"), "log((1 + a) / (1 - a)) / 2"),
    **dict.fromkeys(("asinh", "arcsinh"), "log(a + sqrt(square(a) + 1))"),
    "cot": "cos(a) / sin(a)",
    "sech": "2 / (exp(a) + exp(-a))",
    **dict.fromkeys(("gauss", "gaussian"), "exp(-square(a))"),
    "frac": "a - floor(a)",
    "trunc": "sign(a) * floor(abs(a))",
    "softmin": "softmax(-a)",
    **dict.fromkeys(("cumsoftmax", "cumulative_softmax"), "cumax(a)"),
    **dict.fromkeys(("hard_swish", "hardswish", "hswish", "hard_silu"), "a * hard_sigmoid(a)"),
    "celu": "elu(a)",
    "softshrink": "a - clip(a, -0.5, 0.5)",
    **dict.fromkeys(("atan", "arctan", "asin", "arcsin", "acos", "arccos"), ""),
    **dict.fromkeys(("erf", "prod", "cumprod", "cummax", "cummin"), ""),
    **dict.fromkeys(("stop_gradient", "detach"), "stop(a)"),
}
"""Functions of other libraries, each with an equivalent equation; empty if there is none."""
WITH_MORE = {
    **dict.fromkeys(("leaky_relu", "lrelu", "prelu"), ("maximum(a, b * a)",)),
    **dict.fromkeys(("hard_tanh", "hardtanh"), ("clip(a, b, c)",)),
    "max": ("maximum(maximum(a, b), c)",),
    "min": ("minimum(minimum(a, b), c)",),
}
"""Equations for calls with more arguments than the equation in `FUNCTIONS` takes."""
_REDUCING = ("sum(", "mean(", "var(", "softmax(")
ELSEWHERE = {
    **dict.fromkeys(
        ("dense", "linear", "matmul", "mm", "fc", "gemm"),
        "a linear map belongs to the `reads` of a gate, such as reads: {x: dense}",
    ),
    **dict.fromkeys(
        ("concat", "concatenate", "cat", "stack"),
        "a gate sums the linear maps of all its reads: reads: [x, h_prev]",
    ),
    **dict.fromkeys(
        ("layer_norm", "layernorm", "batch_norm", "rms_norm", "normalize"),
        "a norm is a separate signal: write norms: {h_out: h}, then read h_out",
    ),
    "dropout": "it is a key of the cell, `dropout: 0.1`; for states there is `zoneout: {h: 0.1}`",
    **dict.fromkeys(
        ("random", "rand", "randn", "normal", "uniform", "noise", "bernoulli"),
        "equations have no randomness; `dropout: 0.1` and `zoneout: {h: 0.1}` are keys of the cell",
    ),
    **dict.fromkeys(
        ("len", "size", "shape"), "the layer's width is `units`, and the width of x is `features`"
    ),
    **dict.fromkeys(
        ("einsum", "tensordot", "bmm"),
        "products of matrices are outer(a, b), matvec(A, v), vecmat(v, A) and dot(a, b)",
    ),
    **dict.fromkeys(
        ("reshape", "view", "chunk", "unstack"),
        "split(v, n) cuts a vector into n rows, and flat(A) puts the rows side by side",
    ),
    **dict.fromkeys(
        ("conv", "conv1d", "convolution", "attention"),
        "an equation sees one step; operations before the layer, such as a convolution, are in the "
        "`block`",
    ),
    **dict.fromkeys(
        ("range", "sum_over", "scan", "loop", "map"), "equations have no loops: write out the terms"
    ),
}
"""Functions of other libraries that equations cannot have, with the alternative."""


def rewrite(name: str, args: Sequence[ast.expr], module: str = "") -> ast.expr:
    """Return the equation that replaces a call of another library's function.

    Args:
        name: a key of `FUNCTIONS`.
        args: the arguments of the call.
        module: as in `fill`.

    Raises:
        ValueError: no equation takes that many arguments.
    """
    templates = (FUNCTIONS[name], *WITH_MORE.get(name, ()))
    if any(part in templates[0] for part in _REDUCING):
        args = args[:1]  # drop the axis: the function is over the units
    fits = [each for each in templates if len(_letters(each)) == len(args)]
    if not fits and _letters(templates[0]):
        raise ValueError("arguments are left over, or missing")
    return fill(fits[0] if fits else templates[0], args, module)


def _letters(template: str) -> set[str]:
    tree = ast.parse(template or "none", mode="eval")
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and len(n.id) == 1}


_IN_PLUGINS = {
    **dict.fromkeys(
        ("concat", "concatenate"),
        "a sum of two reads: it equals one matrix times their concatenation",
    ),
    **dict.fromkeys(
        ("dense", "linear", "matmul"), "the map as a read of the gate, reads: {x: dense}"
    ),
    "dropout": "dropout=0.1 as a key of the run, or of the layer",
    "clamp": "ops.clip(x, low, high)",
}
"""Alternatives in plugins for functions that `ops` does not have."""


def in_ops(name: str) -> str:
    """Return what a plugin writes in place of another library's function; empty if unknown."""
    if name in _IN_PLUGINS:
        return _IN_PLUGINS[name]
    template = "floor(a)" if name == "floor" else FUNCTIONS.get(name)
    if template and "floor(" in template:
        return f"{template} as an equation of the cell, because only equations have floor"
    args = [ast.Name(letter) for letter in "abc"]
    return ast.unparse(fill(template, args, "ops")) if template else ""


def fill(template: str, args: Sequence[ast.expr], module: str = "") -> ast.expr:
    """Return a template filled with the arguments of a call.

    Args:
        template: a value of `FUNCTIONS`; ``a``, ``b`` and ``c`` are the arguments.
        args: the arguments of the call.
        module: the module of the functions of the template, such as ``ops``.

    Raises:
        ValueError: the template is empty, or needs more arguments.
    """
    letters = dict(zip("abc", args, strict=False))
    tree = ast.parse(template or "none", mode="eval").body

    class Fill(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> ast.Call:
            called = node.func
            if module and isinstance(called, ast.Name):
                called = ast.Attribute(ast.Name(module, ast.Load()), called.id, ast.Load())
            return ast.Call(called, [self.visit(each) for each in node.args], [])

        def visit_Name(self, node: ast.Name) -> ast.expr:
            return letters.get(node.id, node)

    if not template or not _letters(template) <= letters.keys():
        raise ValueError("arguments are missing")
    result: ast.expr = Fill().visit(tree)
    return result
