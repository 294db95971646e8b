"""First reversal potentials: which synapses excite, and which inhibit."""

from gatekit import Initializer, hookimpl


class Polarity(Initializer):
    """Draws of -1 and 1, one third of them negative.

    Reference: Hasani et al., Liquid Time-constant Networks (2021), arXiv:2006.04439, as in ncps
    """

    def draw(self, rng, shape, context):
        """Return the draws."""
        return rng.choice([-1.0, 1.0, 1.0], shape)


@hookimpl
def gatekit_initializers():
    """Register the initializer."""
    return {"polarity": Polarity}
