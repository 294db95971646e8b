"""The block contract: what is around a recurrent layer in a stack."""

from __future__ import annotations

from gatekit.cell.declare import Declared
from gatekit.cell.errors import PluginError
from gatekit.cell.language.expression import Expr

from .parts import Parts, factor


class Block(Declared):
    """A block: one recurrent layer, the *mixer*, and everything around it.

    ``y = combine(x, mix(x))``, with ``x`` and ``y`` as wide as the model

    The methods do not compute. They name parts (``parts.norm``, ``parts.dense``, ...), each of
    which gives an expression, and combine expressions with operators and elementwise functions of
    `gatekit.ops`. Annotated class fields are options. A field ``expand: float`` sets the units of
    the cell, as a multiple of the model's width, where the user does not.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in cls._option_types:
            if hasattr(Block, name):
                raise PluginError(
                    f"{cls.__name__}: an option cannot be called {name}, which is something else "
                    "in every block; choose another name."
                )

    def mix(self, parts: Parts, x: Expr) -> Expr:
        """Return what one direction in time computes; it calls ``parts.mixer`` once.

        In a bidirectional run each direction has these parts for itself.

        Args:
            parts: makes the parts.
            x: the block's input, as wide as the model.
        """
        return parts.mixer(x)

    def combine(self, parts: Parts, x: Expr, mixed: Expr) -> Expr:
        """Return the block's output, as wide as the model, step by step.

        Args:
            parts: makes the parts.
            x: the block's input.
            mixed: what `mix` returned; both directions side by side in a bidirectional run.
        """
        return x + parts.dropout("dropout", parts.fitted("project", mixed))

    def finish(self, parts: Parts, x: Expr) -> Expr:
        """Return what the head reads, after the last block of the stack.

        Args:
            parts: makes the parts.
            x: the last block's output.
        """
        return x


def units_of(width: int, expand: float) -> int:
    """Return the units of a cell for a model's width: a multiple of 8 if the width is one.

    Args:
        width: the model's width.
        expand: the block's factor.

    Raises:
        ConfigError: the factor is not above 0, or beyond 1,000.
    """
    factor("expand", expand)
    step = 8 if width % 8 == 0 else 1
    return max(step, step * round(width * expand / step))
