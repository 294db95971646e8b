"""Initializers as a cell's data name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import CellError
from gatekit.cell.initializer import Initializer

from .registered import kind_and_options, made, unknown
from .values import check_keys

_KINDS = ("kernel", "recurrent", "bias")


def make_initializer(value: Any, where: str, catalogue: Catalogue) -> Initializer:
    """Return the initializer that a name or ``{kind: NAME, option: value}`` stands for.

    Raises:
        CellError: it is not registered, or an option is wrong.
    """
    kind, options = kind_and_options(value, where)
    if kind not in catalogue.initializers:
        raise unknown(where, "initializer", kind, catalogue.initializers, catalogue)
    initializer: Initializer = made(catalogue.initializers[kind], options, where)
    return initializer


def check_initializer(value: Any, where: str, catalogue: Catalogue) -> None:
    """Refuse what is neither an initializer nor ``{negative_of: GATE}``.

    Raises:
        CellError: it is neither.
    """
    if isinstance(value, Mapping) and "negative_of" in value:
        if len(value) > 1 or not isinstance(value["negative_of"], str):
            raise CellError(f"{where}: write {{negative_of: GATE}} and nothing else")
        return
    make_initializer(value, where, catalogue)


def check_initializers(value: Mapping[str, Any], where: str, catalogue: Catalogue) -> None:
    """Refuse initializers of anything but kernel, recurrent kernel and bias, and wrong ones.

    Raises:
        CellError: a key or an initializer is not allowed.
    """
    for key, initializer in value.items():
        check_keys([key], _KINDS, where)
        check_initializer(initializer, f"{where}.{key}", catalogue)
