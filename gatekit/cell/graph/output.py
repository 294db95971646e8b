"""The output unit with its sizes and weights."""

from __future__ import annotations

from gatekit.cell.language.expression import names

from .binding import Bindings
from .built import BuiltOutput
from .draft import FEEDBACK, OUTPUT_UNIT
from .sizes import size
from .weights import Weights


def make_output(weights: Weights, bindings: Bindings) -> BuiltOutput:
    """Return the output unit, and add its weights.

    Args:
        weights: collects the weights.
        bindings: the keys of arguments.

    Raises:
        CellError: a width is not a size, or a read is not possible.
    """
    draft, widths = weights.draft, weights.widths.of
    kind, unit, emits = draft.output.kind, draft.output.unit, draft.spec.emits
    if unit.feeds_back:
        # The node `y` has done everything; after the loop its value is emitted as it is.
        arguments = (("emitted", FEEDBACK),)
        return BuiltOutput(kind, unit, (), None, arguments, (), widths[FEEDBACK], (FEEDBACK,))
    takes_pre = any(key == f"pre:{OUTPUT_UNIT}" for _, key in bindings.output)
    width = size(draft, unit.units, "output_unit.units") if takes_pre else widths[emits]
    reads = tuple(weights.read(OUTPUT_UNIT, unit, read, width) for read in draft.output.reads)
    bias = weights.bias(OUTPUT_UNIT, unit, width) if takes_pre and unit.bias else None
    for own, parameter in unit.parameters.items():
        weights.parameter(f"{OUTPUT_UNIT}.{own}", parameter, OUTPUT_UNIT, width)
    histories = tuple((emits if h == "emitted" else h, n) for h, n in unit.history.items())
    keys = [n for read in reads for n in names(read.expr)]
    keys += [key.removesuffix("_history") for _, key in bindings.output]
    signals = tuple(key for key in dict.fromkeys([emits, *keys]) if key in draft.signals)
    return BuiltOutput(kind, unit, reads, bias, bindings.output, histories, width, signals)
