"""The notation of NumPy."""

from __future__ import annotations

from .arrays import HIPPO, LEGENDRE, array_framework, array_functions, array_helpers, rotation

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
