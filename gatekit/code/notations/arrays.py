"""The notation of NumPy, and the part that NumPy, jax.numpy and keras.ops share."""

from __future__ import annotations

from dataclasses import replace

from .notation import ALIKE, Framework


def array_functions(m: str) -> dict[str, str]:
    """Return the functions that are alike in NumPy, jax.numpy and keras.ops, for one module."""
    same = (*ALIKE, "minimum", "maximum", "where")
    return {
        **{name: f"{m}.{name}({{0}})" for name in same},
        "minimum": f"{m}.minimum({{0}}, {{1}})",
        "maximum": f"{m}.maximum({{0}}, {{1}})",
        "where": f"{m}.where({{0:1}} > 0, {{1}}, {{2}})",
        "stop": "{0:5}",
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
        "column": "{0:5}[..., None]",
        "row": "{0:5}[..., None, :]",
        "concat": f"{m}.concatenate([{{0}}], axis=-1)",
    }


def array_helpers(m: str) -> dict[str, str]:
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


# The delay system of the Legendre memory unit, transposed, because rows are multiplied by it.
LEGENDRE = '''def legendre(order: int, theta: float, which: str) -> np.ndarray:
    """Return a matrix of the delay system, discretised by a zero-order hold."""
    i, j = np.ogrid[:order, :order]
    a = np.where(i < j, -1.0, (-1.0) ** (i - j + 1)) * (2 * i + 1)
    b = (-1.0) ** i * (2 * i + 1)
    system = (a / theta, b / theta, np.eye(order), np.zeros((order, 1)))
    memory, entry, *_ = cont2discrete(system, dt=1.0, method="zoh")
    return (memory if which == "memory" else entry).T'''


# Angular frequencies of S5.
HIPPO = '''def hippo(size: int) -> np.ndarray:
    """Return the positive imaginary parts of the eigenvalues of HiPPO-LegS, in rising order."""
    root = np.sqrt(2.0 * np.arange(2 * size) + 1.0)
    lower = np.tril(np.outer(root, root) / 2.0, -1)
    return np.linalg.eigvalsh(1j * (lower - lower.T))[size:]'''


def rotation(m: str) -> str:
    return f'''def rotation(a: A) -> A:
    """Return exp(a) for a skew-symmetric matrix, by scaling and squaring."""
    a = a / 2**8
    result = identity = {m}.eye(a.shape[-1], dtype=a.dtype)
    for k in range(12, 0, -1):
        result = identity + (a / k) @ result
    for _ in range(8):
        result = result @ result
    return result'''


def array_framework(
    name: str, m: str, table: dict[str, str], helpers: dict[str, str], array: str, modules: str
) -> Framework:
    framework = Framework(
        name,
        table,
        helpers,
        array,
        frozenset(modules.split()),
        chunk=f"{m}.split({{z}}, {{count}}, axis=-1)",
        cut=f"{m}.split({{z}}, [{{sizes}}], axis=-1)",
        append=f"{m}.concatenate([{{earlier}}, {{now}}[:, None]], axis=1)",
    )
    return replace(framework, helpers={k: framework.typed(v) for k, v in helpers.items()})


_NUMPY_HELPERS = {
    "legendre": LEGENDRE,
    "hippo": HIPPO,
    "reservoir": """def reservoir(
    rng: np.random.Generator, size: int, radius: float, density: float
) -> A:
    matrix = rng.normal(size=(size, size)) * (rng.uniform(size=(size, size)) < density)
    largest = np.abs(np.linalg.eigvals(matrix)).max()
    return matrix * (radius / largest if largest > 0 else 0.0)""",
    "rotation": rotation("np"),
    **array_helpers("np"),
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
    **array_functions("np"),
    "softplus": "np.logaddexp(0.0, {0})",
    "softmax": "softmax({0})",
    "layer_norm": "layer_norm({0}, {1})",
}


NUMPY = array_framework(
    "numpy",
    "np",
    _NUMPY,
    _NUMPY_HELPERS,
    "np.ndarray",
    "np math rng params cont2discrete init initial_state step forward hold",
)
