"""``gatekit.compare.compare``: a comparison with figures and HTML.

Figures and tables are made from comparisons, so they cannot be part of the module ``comparison``.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

from . import comparison as plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Comparison(plain.Comparison):
    """A comparison with figures, which a notebook shows as a table."""

    __slots__ = ()

    def figure(
        self,
        kind: str = "curves",
        *,
        columns: int = 1,
        x: str | None = None,
        over: str = "epochs",
        reach: float | None = None,
    ) -> Figure | None:
        """Return one of the figures of ``gatekit compare --draw`` as a matplotlib ``Figure``.

        Args:
            kind: ``curves``, ``axis``, ``forest``, ``heatmap``, ``parallel``, ``scatter``,
                ``critical``, ``profile``, ``intervals``, ``best-of-k`` or ``survival``.
            columns: width in paper columns, 1 or 2.
            x: the swept key of ``axis``.
            over: what ``curves`` and ``survival`` count: ``epochs``, ``seconds``, ``steps`` or
                ``flops``.
            reach: the threshold of ``survival``.

        Returns:
            The figure; None if there is nothing to draw.

        Raises:
            ConfigError: the kind does not exist, or does not fit the comparison.
        """
        from .figures.kinds import figure

        return figure(kind, self, columns=columns, x=x, over=over, reach=reach)

    def _repr_html_(self) -> str:
        from .output.notebook import comparison_html

        return comparison_html(self)


@functools.wraps(plain.compare)
def compare(*arguments: Any, **options: Any) -> Comparison:
    """Compare the groups of a study; see ``gatekit.compare.comparison.compare``."""
    found = plain.compare(*arguments, **options)
    return Comparison(**{f.name: getattr(found, f.name) for f in dataclasses.fields(found)})
