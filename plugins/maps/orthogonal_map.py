"""The orthogonal linear map: a rotation, given by its logarithm."""

from gatekit import GatekitError, LinearMap, hookimpl, ops

# Up to a norm of 2^8 of the skew-symmetric matrix, the series keeps ten digits and more.
_HALVINGS = 8
_TERMS = 12


class Orthogonal(LinearMap):
    """A rotation: ``z = u exp(W - W^T)``.

    The exponential is a Taylor series of ``(W - W^T) / 2^8``, squared eight times.

    Reference: Lezcano-Casado & Martínez-Rubio, Cheap Orthogonal Constraints in Neural Networks
    (2019), arXiv:1901.08428
    """

    def shapes(self, width_in, width_out):
        """Return the shape of W.

        Raises:
            GatekitError: the widths differ.
        """
        if width_in != width_out:
            raise GatekitError(
                f"an orthogonal map connects equal widths, and here {width_in} meets {width_out}; "
                "use a dense map"
            )
        return {"": (width_in, width_out)}

    def matrix(self, weights):
        """Return the orthogonal matrix."""
        w = weights[""]
        a = (w - ops.transpose(w)) / 2**_HALVINGS
        identity = ops.eye_like(w)
        exponential = identity
        for k in range(_TERMS, 0, -1):
            exponential = identity + (a / k) @ exponential
        for _ in range(_HALVINGS):
            exponential = exponential @ exponential
        return exponential


@hookimpl
def gatekit_linear_maps():
    """Register the map."""
    return {"orthogonal": Orthogonal}
