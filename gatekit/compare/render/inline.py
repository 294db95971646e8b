"""A matplotlib figure that a notebook shows without ``%matplotlib inline``."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.figure import Figure

from .style import styled


class InlineFigure(Figure):
    """A ``Figure`` in gatekit's style; a notebook shows it if it is the last value of a cell."""

    def savefig(self, fname: Any, **options: Any) -> None:
        """Write the figure as matplotlib does, with gatekit's fonts and resolution."""
        with styled():  # matplotlib reads them when it draws
            super().savefig(fname, **options)

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()
