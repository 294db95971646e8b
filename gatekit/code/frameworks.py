"""What each framework calls the operations: one table for each.

A template has ``{0}`` for an argument, and ``{0:5}`` for one that needs parentheses unless it is
an atom. Helper functions are written into a file that needs them; ``A`` is the type of arrays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from .identifiers import WIDTH, items
from .parallel.helpers import HELPERS

Numbers = Callable[[str, Sequence[bool]], str | None]


@dataclass(frozen=True)
class Framework:
    """The notation of a framework.

    Attributes:
        name: what the user types.
        functions: a template for each function.
        helpers: the source of each helper function, by name.
        array: the type of arrays; empty if the framework has none.
        numbers: returns a template for a function that gets plain numbers, or None.
        modules: names that the file's imports bind.
        chunk: cuts ``{z}`` into ``{count}`` equal parts along the last axis.
        cut: cuts ``{z}`` at ``{sizes}``, which are ends of parts, or their widths.
        cuts_at_ends: whether ``cut`` takes ends.
        append: puts ``{now}`` behind the ``{earlier}`` values.
        reshape: gives ``{value}`` the ``{shape}`` after the batch, if states are vectors outside
            the step; empty if matrices are carried as matrices.
        draws_noise: whether dropout and zoneout draw in training; else the file is for inference.
        zeros_like: zeros of a ``{shape}`` for the input ``{like}``.
        constant: a ``{value}`` as an array.
        count: the valid steps so far of a ``{mask}``.
        held: zoneout of ``{new}``, with ``{old}`` and ``{rate}``.
    """

    name: str
    functions: Mapping[str, str]
    helpers: Mapping[str, str]
    array: str
    modules: frozenset[str]
    numbers: Numbers | None = None
    chunk: str = ""
    cut: str = ""
    cuts_at_ends: bool = True
    append: str = ""
    zeros_like: str = ""
    constant: str = ""
    count: str = ""
    draws_noise: bool = False
    reshape: str = ""
    held: str = "{rate} * {old} + (1 - {rate}) * {new}"

    def typed(self, source: str) -> str:
        """Return a function's source with the type of arrays in place of ``A``."""
        if self.array:
            source = re.sub(r"\bA\b", self.array, source)
        else:
            source = re.sub(r"(: | -> )A\b", "", source)
        first, line_end, rest = source.partition("\n")
        if len(first) <= WIDTH:
            return source
        before, _, after = first.rpartition(" -> ")
        name, _, given = before[:-1].partition("(")
        lines = [f"    {given}"]
        if len(lines[0]) > WIDTH:
            lines = [f"    {each}," for each in items(given)]
        return "\n".join([f"{name}(", *lines, f") -> {after}"]) + line_end + rest


# Functions of one argument with one name in every framework.
_ALIKE = (
    *("exp", "log", "sqrt", "abs", "square", "sin"),
    *("cos", "tanh", "expm1", "log1p", "sign", "floor"),
)


def _array_functions(m: str) -> dict[str, str]:
    """Return what NumPy, jax.numpy and keras.ops call alike, as functions of a module."""
    same = (*_ALIKE, "minimum", "maximum", "where")
    return {
        **{name: f"{m}.{name}({{0}})" for name in same},
        "minimum": f"{m}.minimum({{0}}, {{1}})",
        "maximum": f"{m}.maximum({{0}}, {{1}})",
        "where": f"{m}.where({{0:1}} > 0, {{1}}, {{2}})",
        "relu": f"{m}.maximum({{0}}, 0.0)",
        "clip": f"{m}.minimum({m}.maximum({{0}}, {{1}}), {{2}})",
        "hard_sigmoid": f"{m}.clip({{0:2}} / 6 + 0.5, 0.0, 1.0)",
        "cumsum": f"{m}.cumsum({{0}}, axis=-1)",
        "cumax": f"{m}.cumsum(softmax({{0}}), axis=-1)",
        "sum": f"{m}.sum({{0}}, axis=-1, keepdims=True)",
        "mean": f"{m}.mean({{0}}, axis=-1, keepdims=True)",
        "var": f"{m}.var({{0}}, axis=-1, keepdims=True)",
        "repeat": f"{m}.repeat({{0}}, {{1}}, axis=-1)",
        "outer": f'{m}.einsum("...i,...j->...ij", {{0}}, {{1}})',
        "matvec": f'{m}.einsum("...ij,...j->...i", {{0}}, {{1}})',
        "vecmat": f'{m}.einsum("...i,...ij->...j", {{0}}, {{1}})',
        "dot": f"{m}.sum({{0:2}} * {{1:3}}, axis=-1, keepdims=True)",
        "transpose": f"{m}.swapaxes({{0}}, -1, -2)",
        "column": "{0:5}[..., :, None]",
        "row": "{0:5}[..., None, :]",
        "concat": f"{m}.concatenate([{{0}}], axis=-1)",
    }


def _array_helpers(m: str) -> dict[str, str]:
    return {
        "softmax": f"""def softmax(x: A) -> A:
    shifted = {m}.exp(x - {m}.max(x, axis=-1, keepdims=True))
    return shifted / {m}.sum(shifted, axis=-1, keepdims=True)""",
        "modrelu": f"""def modrelu(x: A, b: A) -> A:
    return {m}.sign(x) * {m}.maximum({m}.abs(x) + b, 0.0)""",
        "split": f"""def split(x: A, rows: int) -> A:
    return {m}.reshape(x, (*x.shape[:-1], rows, x.shape[-1] // rows))""",
        "flat": f"""def flat(x: A) -> A:
    return {m}.reshape(x, (*x.shape[:-2], x.shape[-2] * x.shape[-1]))""",
        "layer_norm": f"""def layer_norm(x: A, epsilon: float = 1e-5) -> A:
    centred = x - {m}.mean(x, axis=-1, keepdims=True)
    variance = {m}.mean({m}.square(centred), axis=-1, keepdims=True)
    return centred / {m}.sqrt(variance + epsilon)""",
        "block_product": f"""def block_product(u: A, blocks: A) -> A:
    parts = split(u, blocks.shape[0])
    return flat({m}.einsum("...kn,knm->...km", parts, blocks))""",
        "eye_like": f"""def eye_like(x: A) -> A:
    return {m}.eye(x.shape[-1], dtype=x.dtype)""",
    }


# The delay system of the Legendre memory unit, with which rows are multiplied.
_LEGENDRE = '''def legendre(order: int, theta: float, which: str) -> np.ndarray:
    """Return a matrix of the delay system, discretised by a zero-order hold."""
    i, j = np.ogrid[:order, :order]
    a = np.where(i < j, -1.0, (-1.0) ** (i - j + 1)) * (2 * i + 1)
    b = (-1.0) ** i * (2 * i + 1)
    system = (a / theta, b / theta, np.eye(order), np.zeros((order, 1)))
    memory, entry, *_ = cont2discrete(system, dt=1.0, method="zoh")
    return (memory if which == "memory" else entry).T'''


# Angular frequencies of S5.
_HIPPO = '''def hippo(size: int) -> np.ndarray:
    """Return the positive imaginary parts of the eigenvalues of HiPPO-LegS, in rising order."""
    root = np.sqrt(2.0 * np.arange(2 * size) + 1.0)
    lower = np.tril(np.outer(root, root) / 2.0, -1)
    return np.linalg.eigvalsh(1j * (lower - lower.T))[size:]'''


def _rotation(m: str) -> str:
    return f'''def rotation(a: A) -> A:
    """Return exp(a) for a skew-symmetric matrix, by scaling and squaring."""
    a = a / 2**8
    result = identity = {m}.eye(a.shape[-1], dtype=a.dtype)
    for k in range(12, 0, -1):
        result = identity + (a / k) @ result
    for _ in range(8):
        result = result @ result
    return result'''


_NUMPY_HELPERS = {
    "legendre": _LEGENDRE,
    "hippo": _HIPPO,
    "reservoir": """def reservoir(
    rng: np.random.Generator, size: int, radius: float, density: float
) -> A:
    matrix = rng.normal(size=(size, size)) * (rng.uniform(size=(size, size)) < density)
    largest = np.abs(np.linalg.eigvals(matrix)).max()
    return matrix * (radius / largest if largest > 0 else 0.0)""",
    "rotation": _rotation("np"),
    **_array_helpers("np"),
    "sigmoid": """def sigmoid(x: A) -> A:
    return np.exp(-np.logaddexp(0.0, -x))""",
    "log_sigmoid": """def log_sigmoid(x: A) -> A:
    return -np.logaddexp(0.0, -x)""",
    "elu": """def elu(x: A) -> A:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0.0)))""",
    "selu": """def selu(x: A) -> A:
    negative = 1.6732632423543772 * np.expm1(np.minimum(x, 0.0))
    return 1.0507009873554805 * np.where(x > 0, x, negative)""",
    "silu": """def silu(x: A) -> A:
    return x * sigmoid(x)""",
    "gelu": """def gelu(x: A) -> A:
    return x * (0.5 + 0.5 * np.vectorize(math.erf)(x / math.sqrt(2)))""",
    "softsign": """def softsign(x: A) -> A:
    return x / (1 + np.abs(x))""",
    "glorot": """def glorot(rng: np.random.Generator, *shape: int) -> A:
    limit = math.sqrt(6 / (shape[-2] + shape[-1]))
    return rng.uniform(-limit, limit, shape)""",
    "orthogonal": """def orthogonal(rng: np.random.Generator, *shape: int) -> A:
    *blocks, rows, columns = shape
    normal = rng.normal(size=(*blocks, max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(normal)
    q = q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None, :]
    return q if rows >= columns else np.swapaxes(q, -1, -2)""",
}
_NUMPY = {
    **_array_functions("np"),
    "softplus": "np.logaddexp(0.0, {0})",
    "softmax": "softmax({0})",
    "layer_norm": "layer_norm({0}, {1})",
}


def _array_framework(
    name: str, m: str, table: dict[str, str], helpers: dict[str, str], array: str, modules: str
) -> Framework:
    made = Framework(
        name,
        table,
        helpers,
        array,
        frozenset(modules.split()),
        chunk=f"{m}.split({{z}}, {{count}}, axis=-1)",
        cut=f"{m}.split({{z}}, [{{sizes}}], axis=-1)",
        append=f"{m}.concatenate([{{earlier}}, {{now}}[:, None]], axis=1)",
    )
    return replace(made, helpers={k: made.typed(v) for k, v in helpers.items()})


NUMPY = _array_framework(
    "numpy", "np", _NUMPY, _NUMPY_HELPERS, "np.ndarray", "np math rng params cont2discrete"
)

_JAX = {
    **_array_functions("jnp"),
    **{
        name: f"jax.nn.{name}({{0}})"
        for name in (
            "sigmoid",
            "relu",
            "softplus",
            "silu",
            "log_sigmoid",
            "elu",
            "selu",
            "hard_sigmoid",
        )
    },
    "gelu": "jax.nn.gelu({0}, approximate=False)",
    "softsign": "jax.nn.soft_sign({0})",
    "softmax": "jax.nn.softmax({0}, axis=-1)",
    "cumax": "jnp.cumsum(jax.nn.softmax({0}, axis=-1), axis=-1)",
    "rotation": "jax.scipy.linalg.expm({0})",
}
_JAX_HELPERS = {
    "legendre": _LEGENDRE,
    "hippo": _HIPPO,
    "reservoir": """def reservoir(key: A, size: int, radius: float, density: float) -> A:
    first, second = jax.random.split(key)
    kept = jax.random.uniform(second, (size, size)) < density
    matrix = np.asarray(jax.random.normal(first, (size, size)) * kept)
    largest = np.abs(np.linalg.eigvals(matrix)).max()
    return jnp.asarray(matrix * (radius / largest if largest > 0 else 0.0))""",
    **_array_helpers("jnp"),
    "zoneout": """def zoneout(new: A, old: A, rate: float, rng: A | None, place: int) -> A:
    if rng is None:
        return rate * old + (1 - rate) * new
    held = jax.random.bernoulli(jax.random.fold_in(rng, place), rate, new.shape)
    return jnp.where(held, old, new)""",
    "dropout": """def dropout(x: A, rate: float, rng: A | None, place: int) -> A:
    if rng is None:
        return x
    dropped = jax.random.bernoulli(jax.random.fold_in(rng, place), rate, x.shape)
    return jnp.where(dropped, 0.0, x / (1 - rate))""",
    "keys_from": """def keys_from(key: A) -> Iterator[A]:
    while True:
        key, own = jax.random.split(key)
        yield own""",
    "uniform": """def uniform(key: A, low: float, high: float, shape: tuple) -> A:
    return jax.random.uniform(key, shape, minval=low, maxval=high)""",
    "glorot": """def glorot(key: A, *shape: int) -> A:
    return jax.nn.initializers.glorot_uniform()(key, shape)""",
    "orthogonal": """def orthogonal(key: A, *shape: int) -> A:
    return jax.nn.initializers.orthogonal()(key, shape)""",
}
JAX = replace(
    _array_framework(
        "jax",
        "jnp",
        _JAX,
        {**_JAX_HELPERS, **HELPERS["jax"]},
        "jax.Array",
        "jax jnp np math params keys rng drops cont2discrete",
    ),
    zeros_like="jnp.zeros({shape})",
    constant="jnp.asarray({value})",
    draws_noise=True,
    held="zoneout({new}, {old}, {rate}, rng, {place})",
    count="jnp.cumsum({mask}, axis=1)",
)

_KERAS = {
    **_array_functions("ops"),
    **{
        name: f"ops.{name}({{0}})"
        for name in ("sigmoid", "relu", "softplus", "silu", "log_sigmoid", "elu", "selu")
    },
    "gelu": "ops.gelu({0}, approximate=False)",
    "softsign": "ops.soft_sign({0})",
    "softmax": "ops.softmax({0}, axis=-1)",
    "cumax": "ops.cumsum(ops.softmax({0}, axis=-1), axis=-1)",
}
_KERAS_HELPERS = {
    "legendre": _LEGENDRE,
    "hippo": _HIPPO,
    "reservoir": """def reservoir(size: int, radius: float, density: float) -> A:
    normal = ops.convert_to_numpy(keras.random.normal((size, size)))
    kept = ops.convert_to_numpy(keras.random.uniform((size, size))) < density
    matrix = normal * kept
    largest = np.abs(np.linalg.eigvals(matrix)).max()
    return ops.convert_to_tensor(matrix * (radius / largest if largest > 0 else 0.0))""",
    **_array_helpers("ops"),
    "rotation": _rotation("ops"),
    "glorot": """def glorot(*shape: int) -> A:
    return keras.initializers.GlorotUniform()(shape)""",
    "orthogonal": """def orthogonal(*shape: int) -> A:
    return keras.initializers.Orthogonal()(shape)""",
    # The size of the batch may be unknown.
    "split": """def split(x: A, rows: int) -> A:
    return ops.reshape(x, (-1, *x.shape[1:-1], rows, x.shape[-1] // rows))""",
    "flat": """def flat(x: A) -> A:
    return ops.reshape(x, (-1, *x.shape[1:-2], x.shape[-2] * x.shape[-1]))""",
    "block_product": """def block_product(u: A, blocks: A) -> A:
    parts = split(u, blocks.shape[0])
    return flat(ops.einsum("...kn,knm->...km", parts, blocks))""",
}


def _keras_numbers(name: str, numbers: Sequence[bool]) -> str | None:
    """Return Keras' form of a choice between plain numbers, which it takes in single precision."""
    if name == "where" and numbers[1] and numbers[2]:
        return "ops.where({0:1} > 0, {1:5} * ops.ones_like({0}), {2})"
    return None


KERAS = replace(
    _array_framework(
        "keras", "ops", _KERAS, _KERAS_HELPERS, "", "keras ops np math self cont2discrete"
    ),
    numbers=_keras_numbers,
    # Under a mask, keras.layers.RNN carries vectors only on some backends.
    reshape="ops.reshape({value}, (-1, {shape}))",
)

_TORCH_FUNCTIONS = {
    **{n: f"torch.{n}({{0}})" for n in (*_ALIKE, "sigmoid", "relu")},
    **{n: f"F.{n}({{0}})" for n in ("softplus", "silu", "elu", "selu", "gelu", "softsign")},
    # The gradient of F.hardsigmoid has single precision.
    "hard_sigmoid": "torch.clamp({0:2} / 6 + 0.5, 0.0, 1.0)",
    "log_sigmoid": "F.logsigmoid({0})",
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
    "column": "{0:5}[..., :, None]",
    "row": "{0:5}[..., None, :]",
    "concat": "torch.cat([{0}], dim=-1)",
    "rotation": "torch.linalg.matrix_exp({0})",
    "layer_norm": "F.layer_norm({0}, {0:5}.shape[-1:], eps={1})",
}
_TORCH_HELPERS = {
    "legendre": _LEGENDRE,
    "hippo": _HIPPO,
    "reservoir": """def reservoir(size: int, radius: float, density: float) -> A:
    matrix = torch.randn(size, size) * (torch.rand(size, size) < density)
    largest = torch.linalg.eigvals(matrix).abs().max()
    return matrix * (radius / largest if largest > 0 else 0.0)""",
    "modrelu": """def modrelu(x: A, b: A) -> A:
    return torch.sign(x) * torch.relu(torch.abs(x) + b)""",
    "block_product": """def block_product(u: A, blocks: A) -> A:
    parts = u.unflatten(-1, (blocks.shape[0], -1))
    return torch.einsum("...kn,knm->...km", parts, blocks).flatten(-2)""",
    "eye_like": """def eye_like(x: A) -> A:
    return torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)""",
    "zoneout": """def zoneout(new: A, old: A, rate: float, training: bool) -> A:
    if training:
        return torch.where(torch.rand_like(new) < rate, old, new)
    return rate * old + (1 - rate) * new""",
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


_TORCH = Framework(
    "torch",
    _TORCH_FUNCTIONS,
    {**_TORCH_HELPERS, **HELPERS["torch"]},
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
    draws_noise=True,
    held="zoneout({new}, {old}, {rate}, self.training)",
)
TORCH = replace(_TORCH, helpers={k: _TORCH.typed(v) for k, v in _TORCH.helpers.items()})
