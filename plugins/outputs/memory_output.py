"""The output unit that emits the memory."""

from gatekit import OutputUnit, hookimpl


class Memory(OutputUnit):
    """``y = c``: the memory of the cell; bind ``c`` if the cell names it differently.

    Reference: Hochreiter & Schmidhuber, Long Short-Term Memory (1997),
    doi:10.1162/neco.1997.9.8.1735
    """

    bias = False

    def emit(self, c):
        """Return the memory, ``... x units``."""
        return c


@hookimpl
def gatekit_output_units():
    """Register the output unit."""
    return {"memory": Memory}
