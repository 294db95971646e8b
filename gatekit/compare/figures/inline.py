"""Figures as pictures in a notebook, without ``%matplotlib inline``."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from gatekit.cell.errors import GatekitError

if TYPE_CHECKING:
    from gatekit.compare.comparison import Comparison


class InlineFigure(Figure):
    """A ``Figure`` that a notebook shows as a picture if it is the last value of a cell."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def curves_html(comparison: Comparison) -> str:
    """Return the learning curves of a comparison as HTML; empty if no run has any."""
    from .kinds import figure

    try:
        drawn = figure("curves", comparison, columns=2)
    except GatekitError:
        drawn = None
    if not isinstance(drawn, InlineFigure):
        return ""
    data = base64.b64encode(drawn._repr_png_()).decode()
    return f'<img alt="learning curves" width="640" src="data:image/png;base64,{data}">'
