"""The linear map of the Lipschitz RNN: between symmetric and skew-symmetric, and damped."""

from gatekit import GatekitError, LinearMap, hookimpl, ops


class Lipschitz(LinearMap):
    """A symmetric and a skew-symmetric part: ``z = u A``.

    ``A = (1 - beta) (M + M^T) + beta (M - M^T) - gamma I``

    Args:
        beta: the skew-symmetric part's share, from 0 to 1.
        gamma: the damping.

    Reference: Erichson et al., Lipschitz Recurrent Neural Networks (2021), arXiv:2006.12070
    """

    beta: float = 0.8
    gamma: float = 0.01

    def shapes(self, width_in, width_out):
        """Return the shape of M.

        Raises:
            GatekitError: the widths differ, or beta is not between 0 and 1.
        """
        if width_in != width_out:
            raise GatekitError(
                f"a lipschitz map connects equal widths, and here {width_in} meets {width_out}; "
                "use a dense map"
            )
        if not 0.0 <= self.beta <= 1.0:
            raise GatekitError(f"lipschitz: beta={self.beta} should lie between 0 and 1")
        return {"": (width_in, width_out)}

    def matrix(self, weights):
        """Return A."""
        m = weights[""]
        symmetric, skew = m + ops.transpose(m), m - ops.transpose(m)
        return (1 - self.beta) * symmetric + self.beta * skew - self.gamma * ops.eye_like(m)


@hookimpl
def gatekit_linear_maps():
    """Register the map."""
    return {"lipschitz": Lipschitz}
