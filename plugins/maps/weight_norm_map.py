"""The weight-normalised linear map: separate length and direction of each unit's weights."""

from gatekit import LinearMap, hookimpl, ops


class WeightNorm(LinearMap):
    """A full matrix given by lengths and directions: ``z = u (g V / norm(V))``.

    The lengths g start at 1, which is about that of a column drawn by `glorot_uniform`.

    Reference: Salimans & Kingma, Weight Normalization (2016), arXiv:1602.07868
    """

    initializer = {"scale": "ones"}

    def shapes(self, width_in, width_out):
        """Return the shapes of V and g."""
        return {"": (width_in, width_out), "scale": (width_out,)}

    def matrix(self, weights):
        """Return the matrix whose column j is ``g_j V_j / norm(V_j)``."""
        v = weights[""]
        length = ops.sqrt(ops.sum(ops.square(ops.transpose(v))))
        return v / ops.transpose(length) * weights["scale"]


@hookimpl
def gatekit_linear_maps():
    """Register the map."""
    return {"weight_norm": WeightNorm}
