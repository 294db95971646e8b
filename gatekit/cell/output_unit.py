"""The output unit contract: what the layer emits at each step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .row_wise import RowWise


class OutputUnit(RowWise):
    """An output unit: what the layer emits, from what the cell emits and any of its signals.

    ``pre = sum_r A_r(read_r) + bias``, ``y = emit(pre, ...)``

    It is applied to all steps at once after the loop. Arguments of ``emit`` are asked for by name:
    ``emitted`` (what the cell emits), ``pre``, any signal or input, an own parameter, and
    ``NAME_history`` for each entry of ``history``.

    Args:
        reads: signals that are linearly mapped (``emitted`` among them).
        bias: whether a bias is added.
        units: the width of ``pre`` and of what is emitted.
        bind: other names for arguments of ``emit``.
        initializers: ``{kernel:, bias:}``.
        regularizers: ``{kernel:, bias:}``.
        constraints: ``{kernel:, bias:}``.
    """

    history: ClassVar[Mapping[str, int]] = {}
    feeds_back: ClassVar[bool] = False
    method: ClassVar[str] = "emit"

    def emit(self, emitted: Any) -> Any:
        """Return what the layer emits, ``... x units``.

        Args:
            emitted: what the cell emits, ``... x units``.
        """
        raise NotImplementedError
