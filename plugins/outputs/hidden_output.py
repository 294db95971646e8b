"""The output unit that emits what the cell emits."""

from gatekit import OutputUnit, hookimpl


class Hidden(OutputUnit):
    """``y = emitted``: the hidden state of most cells.

    Reference: Hochreiter & Schmidhuber, Long Short-Term Memory (1997),
    doi:10.1162/neco.1997.9.8.1735
    """

    bias = False

    def emit(self, emitted):
        """Return what the cell emits, ``... x units``."""
        return emitted


@hookimpl
def gatekit_output_units():
    """Register the output unit."""
    return {"hidden": Hidden}
