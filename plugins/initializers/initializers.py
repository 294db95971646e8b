"""Initializers: the usual ones, and those that set the time scale of a gate."""

import math

import numpy as np

from gatekit import GatekitError, Initializer, hookimpl


def _fans(shape):
    if len(shape) < 2:
        return shape[0], shape[0]
    return shape[-2], shape[-1]


class Zeros(Initializer):
    """All zeros."""

    def draw(self, rng, shape, context):
        """Return zeros."""
        return np.zeros(shape)


class Ones(Initializer):
    """All ones; for a forget bias the unit-forget initialisation.

    Reference: Jozefowicz, Zaremba & Sutskever, An Empirical Exploration of Recurrent Network
    Architectures (2015)
    """

    def draw(self, rng, shape, context):
        """Return ones."""
        return np.ones(shape)


class Constant(Initializer):
    """One value everywhere.

    Args:
        value: the value.
    """

    value: float = 0.0

    def draw(self, rng, shape, context):
        """Return an array filled with the value."""
        return np.full(shape, self.value)


class Normal(Initializer):
    """Independent draws from ``N(mean, stddev^2)``.

    Args:
        mean: the mean.
        stddev: the standard deviation.
    """

    mean: float = 0.0
    stddev: float = 0.05

    def draw(self, rng, shape, context):
        """Return the draws."""
        return rng.normal(self.mean, self.stddev, shape)


class DiagonalNormal(Initializer):
    """Draws from ``N(0, 1/units)``: a peephole starts at the size of one weight of a dense map."""

    def draw(self, rng, shape, context):
        """Return the draws."""
        return rng.normal(0.0, 1.0 / math.sqrt(context.gate_units), shape)


class Uniform(Initializer):
    """Independent draws from ``U[low, high]``.

    Args:
        low: the lower end.
        high: the upper end.
    """

    low: float = -0.05
    high: float = 0.05

    def draw(self, rng, shape, context):
        """Return the draws."""
        return rng.uniform(self.low, self.high, shape)


class GlorotUniform(Initializer):
    """Draws from ``U[-a, a]``, ``a = sqrt(6 / (fan_in + fan_out))``, of this gate's matrix alone.

    Reference: Glorot & Bengio, Understanding the difficulty of training deep feedforward neural
    networks (2010)
    """

    def draw(self, rng, shape, context):
        """Return the draws."""
        limit = math.sqrt(6.0 / sum(_fans(shape)))
        return rng.uniform(-limit, limit, shape)


class GlorotNormal(Initializer):
    """Draws from ``N(0, 2 / (fan_in + fan_out))``, of this gate's matrix alone.

    Reference: Glorot & Bengio, Understanding the difficulty of training deep feedforward neural
    networks (2010)
    """

    def draw(self, rng, shape, context):
        """Return the draws."""
        return rng.normal(0.0, math.sqrt(2.0 / sum(_fans(shape))), shape)


class Orthogonal(Initializer):
    """A random orthogonal matrix per gate (and per block), times ``gain``.

    Args:
        gain: the factor.

    Reference: Saxe, McClelland & Ganguli, Exact solutions to the nonlinear dynamics of learning
    (2014), arXiv:1312.6120
    """

    gain: float = 1.0

    def draw(self, rng, shape, context):
        """Return matrices with orthonormal rows or columns."""
        if len(shape) < 2:
            raise GatekitError(f"orthogonal needs a matrix, and the shape is {shape}")
        rows, columns = shape[-2:]
        gauss = rng.normal(size=(*shape[:-2], max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(gauss)
        q = q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None, :]
        return self.gain * (q if rows >= columns else np.swapaxes(q, -1, -2))


class IdentityMatrix(Initializer):
    """The identity matrix times ``gain``, as in the IRNN.

    Args:
        gain: the factor.

    Reference: Le, Jaitly & Hinton, A Simple Way to Initialize Recurrent Networks (2015),
    arXiv:1504.00941
    """

    gain: float = 1.0

    def draw(self, rng, shape, context):
        """Return the identity."""
        return self.gain * np.broadcast_to(np.eye(*shape[-2:]), shape)


class Reservoir(Initializer):
    """A sparse random matrix scaled to a spectral radius; a draw whose radius is 0 becomes zeros.

    Args:
        radius: the spectral radius.
        density: the share of entries that are not zero.

    Reference: Jaeger, The echo state approach (2001), GMD report 148
    """

    radius: float = 0.9
    density: float = 0.1

    def draw(self, rng, shape, context):
        """Return the matrix."""
        matrix = rng.normal(size=shape) * (rng.uniform(size=shape) < self.density)
        largest = np.abs(np.linalg.eigvals(matrix)).max()
        return matrix * (self.radius / largest if largest > 0 else 0.0)


class Chrono(Initializer):
    """A forget bias whose time scales spread up to ``t_max`` steps: ``b = log U[1, t_max - 1]``.

    Give the input gate ``{negative_of: forget}``.

    Args:
        t_max: the longest dependency expected, in steps.

    Reference: Tallec & Ollivier, Can recurrent neural networks warp time? (2018), arXiv:1804.11188
    """

    t_max: float = 100.0

    def draw(self, rng, shape, context):
        """Return the draws."""
        if self.t_max <= 2:
            raise GatekitError(f"chrono: t_max={self.t_max} should be above 2 steps")
        return np.log(rng.uniform(1.0, self.t_max - 1.0, shape))


class UniformGate(Initializer):
    """A bias that makes the gate's first values uniform.

    ``b = logit(u)``, ``u ~ U[1/n, 1 - 1/n]``, n units

    Reference: Gu et al., Improving the Gating Mechanism of Recurrent Neural Networks (2020),
    arXiv:1910.09890
    """

    def draw(self, rng, shape, context):
        """Return the draws."""
        edge = 1.0 / max(context.gate_units, 3)
        u = rng.uniform(edge, 1.0 - edge, shape)
        return np.log(u) - np.log1p(-u)


@hookimpl
def gatekit_initializers():
    """Register the initializers."""
    return {
        "zeros": Zeros,
        "ones": Ones,
        "constant": Constant,
        "normal": Normal,
        "diagonal_normal": DiagonalNormal,
        "uniform": Uniform,
        "glorot_uniform": GlorotUniform,
        "glorot_normal": GlorotNormal,
        "orthogonal": Orthogonal,
        "identity": IdentityMatrix,
        "reservoir": Reservoir,
        "chrono": Chrono,
        "uniform_gate": UniformGate,
    }
