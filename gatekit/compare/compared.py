"""``gatekit.compare.compare``: a comparison with figures and HTML.

Figures and tables import the module ``comparison``, so that module cannot import them.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from gatekit.cell.calls import checked_call
from gatekit.compare.grouping.label import value_text

from . import comparison as plain
from .options import OPTIONS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Comparison(plain.Comparison):
    """A comparison with figures, which a notebook shows as answer, table and curves."""

    __slots__ = ()

    @checked_call()
    def figure(
        self,
        kind: str = "curves",
        *,
        x: str | None = None,
        over: str = "epochs",
    ) -> Figure:
        """Return one of the figures of ``gatekit compare --draw`` as a matplotlib ``Figure``.

        Args:
            kind: ``curves``, ``axis``, ``forest``, ``heatmap`` or ``scatter``.
            x: the swept key of ``axis``.
            over: the horizontal axis of ``curves``.

        Raises:
            ConfigError: the kind does not exist or does not fit the comparison, or there is nothing
                to draw.
        """
        from .figures import figure

        return figure(kind, self, x=x, over=over)

    def _repr_html_(self) -> str:
        from .figures import curves_html
        from .output.notebook import comparison_html

        return comparison_html(self) + curves_html(self)


def _as_list(name: str, value: object) -> object:
    """Return a list for one string, and ``KEY=VALUE`` strings for a mapping."""
    if name in OPTIONS and OPTIONS[name].several and isinstance(value, str):
        return [value]
    if name == "where" and isinstance(value, Mapping):
        return [f"{key}={_text(each)}" for key, each in value.items()]
    return value


def _text(value: Any) -> str:
    value = value.tolist() if hasattr(value, "tolist") else value  # an array or a scalar of NumPy
    several = isinstance(value, Iterable) and not isinstance(value, str | Mapping)
    return ",".join(map(_one, value)) if several else _one(value)


def _one(value: object) -> str:
    return "none" if value is None else value_text(value)


def as_lists(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a comparison, with single strings and mappings as lists."""
    return {name: _as_list(name, value) for name, value in options.items()}


_checked = checked_call()(plain.compare)


@functools.wraps(plain.compare)
def compare(*arguments: Any, **options: Any) -> Comparison:
    """Compare the groups of a study; see ``gatekit.compare.comparison.compare``.

    A list argument may also be a single string, and ``where`` may be a mapping.
    """
    comparison = _checked(*arguments, **as_lists(options))
    fields = {f.name: getattr(comparison, f.name) for f in dataclasses.fields(comparison)}
    return Comparison(**fields)
