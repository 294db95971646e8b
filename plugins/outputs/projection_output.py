"""The output unit that projects what the cell emits."""

from gatekit import OutputUnit, hookimpl


class Projection(OutputUnit):
    """``y = emitted W + b``, ``units`` wide.

    Reference: Sak, Senior & Beaufays, Long Short-Term Memory Based Recurrent Neural Network
    Architectures (2014), arXiv:1402.1128
    """

    reads = ("emitted",)

    def emit(self, pre):
        """Return the projection, ``... x units``."""
        return pre


@hookimpl
def gatekit_output_units():
    """Register the output unit."""
    return {"projection": Projection}
