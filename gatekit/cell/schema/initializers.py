"""Initializers in a cell's data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import CellError
from gatekit.cell.initializer import Initializer

from .lookup import instance_of, kind_and_options, unknown
from .values import check_keys

_KINDS = ("kernel", "recurrent", "bias")


def make_initializer(value: object, where: str, catalogue: Catalogue) -> Initializer:
    """Return the initializer given by a name or ``{kind: NAME, option: value}``.

    Raises:
        CellError: it is not registered, or an option is wrong.
    """
    kind, options = kind_and_options(value, where)
    if kind not in catalogue.initializers:
        raise unknown(where, "initializer", kind, catalogue.initializers, catalogue)
    initializer: Initializer = instance_of(catalogue.initializers[kind], options, where)
    return initializer


def check_initializer(value: object, where: str, catalogue: Catalogue) -> None:
    """Check that a value is an initializer or ``{negative_of: GATE}``.

    Raises:
        CellError: it is neither.
    """
    if isinstance(value, Mapping) and "negative_of" in value:
        if len(value) > 1 or not isinstance(value["negative_of"], str):
            raise CellError(f"{where}: write {{negative_of: GATE}} and nothing else")
        return
    make_initializer(value, where, catalogue)


def check_initializers(value: Mapping[str, Any], where: str, catalogue: Catalogue) -> None:
    """Check a mapping from ``kernel``, ``recurrent`` and ``bias`` to initializers.

    Raises:
        CellError: a key or an initializer is not allowed.
    """
    for key, initializer in value.items():
        check_keys([key], _KINDS, where)
        check_initializer(initializer, f"{where}.{key}", catalogue)
