"""Fixed first values that differ from unit to unit: ramps and angles."""

import numpy as np

from gatekit import GatekitError, Initializer, hookimpl


class Ramp(Initializer):
    """A straight line over the units, plus the same curve in each group of units.

    ``low + (high - low) i / (n - 1) + zigzag z |z|``, z from -1 to 1 within each group

    Args:
        low: the first value.
        high: the last value.
        zigzag: the size of the curve.
        groups: the number of groups; it divides the number of values.

    Reference: Peng et al., RWKV-7 Goose (2025), arXiv:2503.14456
    """

    low: float = 0.0
    high: float = 1.0
    zigzag: float = 0.0
    groups: int = 1

    def draw(self, rng, shape, context):
        """Return the values.

        Raises:
            GatekitError: the groups do not divide the number of values.
        """
        size = shape[-1]
        if self.groups < 1 or size % self.groups:
            raise GatekitError(f"ramp: groups={self.groups} does not divide {size} values")
        line = np.linspace(self.low, self.high, size) if size > 1 else np.array([self.low])
        width = size // self.groups
        z = np.linspace(-1.0, 1.0, width) if width > 1 else np.zeros(1)
        return np.broadcast_to(line + self.zigzag * np.tile(z * np.abs(z), self.groups), shape)


class TokenShift(Initializer):
    """How much of the previous input each feature reads: ``1 - (i / n)^power``, i from 0.

    Args:
        power: how fast the share falls.

    Reference: Peng et al., RWKV-7 Goose (2025), arXiv:2503.14456
    """

    power: float = 1.0

    def draw(self, rng, shape, context):
        """Return the shares."""
        return 1.0 - (np.arange(shape[0]) / shape[0]) ** self.power


class S4dLin(Initializer):
    """The angular frequencies of S4D-Lin, ``pi n`` for n from 0, for each of the layer's units.

    Reference: Gu et al., On the Parameterization of Diagonal State Space Models (2022),
    arXiv:2206.11893
    """

    def draw(self, rng, shape, context):
        """Return the frequencies, unit by unit.

        Raises:
            GatekitError: the units do not divide the number of values.
        """
        if shape[0] % context.units:
            raise GatekitError(
                f"s4d_lin draws a row for each of {context.units} units, and {shape[0]} numbers "
                "are asked for"
            )
        return np.tile(np.pi * np.arange(shape[0] // context.units), context.units)


class Hippo(Initializer):
    """The angular frequencies of S5: imaginary parts of the normal part of HiPPO-LegS.

    ``S_ij = -sqrt((2 i + 1) (2 j + 1)) / 2`` below the diagonal and its negative above, a matrix
    of twice as many rows as there are values; its eigenvalues come in pairs, and the positive
    ones are returned in rising order.

    Reference: Smith et al., Simplified State Space Layers (2023), arXiv:2208.04933
    """

    def draw(self, rng, shape, context):
        """Return the frequencies."""
        root = np.sqrt(2.0 * np.arange(2 * shape[0]) + 1.0)
        lower = np.tril(np.outer(root, root) / 2.0, -1)
        return np.linalg.eigvalsh(1j * (lower - lower.T))[shape[0] :]


@hookimpl
def gatekit_initializers():
    """Register the initializers."""
    return {
        "ramp": Ramp,
        "token_shift": TokenShift,
        "s4d_lin": S4dLin,
        "hippo": Hippo,
    }
