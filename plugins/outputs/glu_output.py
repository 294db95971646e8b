"""The output unit with two linear maps, one of which gates the other."""

from gatekit import OutputUnit, Projection, hookimpl, ops


class GLU(OutputUnit):
    """``y = (emitted W + b) * sigmoid(emitted V + c)``, ``units`` wide: a gated linear unit.

    Reference: Dauphin et al., Language Modeling with Gated Convolutional Networks (2017),
    arXiv:1612.08083
    """

    projections = {"value": Projection("emitted"), "gate": Projection("emitted")}

    def emit(self, value, gate):
        """Return the gated value, ``... x units``."""
        return value * ops.sigmoid(gate)


@hookimpl
def gatekit_output_units():
    """Register the output unit."""
    return {"glu": GLU}
