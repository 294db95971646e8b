"""The base class of blocks, which surround a recurrent layer in a stack."""

from __future__ import annotations

from gatekit.cell.declare import Declared
from gatekit.cell.errors import PluginError
from gatekit.cell.language.expression import Expr
from gatekit.faults import Fault, Kind, Place

from .parts import Parts, factor


class Block(Declared):
    """A block: one recurrent layer, the *mixer*, and everything around it.

    ``y = combine(x, mix(x))``, with ``x`` and ``y`` as wide as the model

    The methods compute no values. They call methods of ``parts`` that return expressions
    (``parts.norm``, ``parts.dense``, ...), and combine the expressions with operators and
    elementwise functions of `gatekit.ops`. Annotated class fields are options. A field ``expand:
    float`` sets the units of the cell, as a multiple of the model's width, unless the user does.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in cls._option_types:
            if hasattr(Block, name):
                why = "every block has an attribute of this name"
                raise PluginError(Fault(Kind.REFUSED, Place((cls.__name__, name)), why=why))

    def mix(self, parts: Parts, x: Expr) -> Expr:
        """Return what one direction in time computes; call ``parts.mixer`` exactly once.

        In a bidirectional run, each direction has separate parts.

        Args:
            parts: makes the parts.
            x: the block's input, as wide as the model.
        """
        return parts.mixer(x)

    def combine(self, parts: Parts, x: Expr, mixed: Expr) -> Expr:
        """Return the block's output, as wide as the model; each step is computed separately.

        Args:
            parts: makes the parts.
            x: the block's input.
            mixed: the result of `mix`; in a bidirectional run, both directions concatenated.
        """
        return x + parts.dropout("dropout", parts.fitted("project", mixed))

    def finish(self, parts: Parts, x: Expr) -> Expr:
        """Return the input of the head, computed from the output of the last block of the stack.

        Args:
            parts: makes the parts.
            x: the last block's output.
        """
        return x


def units_of(width: int, expand: float) -> int:
    """Return the units of a cell for a model's width: a multiple of 8 if the width is.

    Args:
        width: the model's width.
        expand: the block's factor.

    Raises:
        ConfigError: the factor is not above 0, or is above 1,000.
    """
    factor("expand", expand)
    step = 8 if width % 8 == 0 else 1
    return max(step, step * round(width * expand / step))
