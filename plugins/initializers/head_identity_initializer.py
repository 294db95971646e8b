"""The initializer head_identity: an identity matrix for each head, in a flat parameter."""

import numpy as np

from gatekit import GatekitError, Initializer, hookimpl


class HeadIdentity(Initializer):
    """An identity matrix for each head, in a flat parameter of ``units * units // heads`` numbers.

    Reference: Mishra et al., M2RNN (2026), arXiv:2603.14360
    """

    def draw(self, rng, shape, context):
        """Return the identities, one after another.

        Raises:
            GatekitError: the numbers are not those of a square matrix for each head.
        """
        width, rest = divmod(shape[0], context.units)
        if len(shape) > 1 or rest or not width or context.units % width:
            raise GatekitError(
                f"head_identity: the shape {tuple(shape)} is not that of a square matrix for each "
                f"head of {context.units} units; give the parameter the shape "
                "units * units // heads"
            )
        return np.tile(np.eye(width).reshape(-1), context.units // width)


@hookimpl
def gatekit_initializers():
    """Register the initializer."""
    return {"head_identity": HeadIdentity}
