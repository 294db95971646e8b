"""What is registered under a name: lookup by ``NAME`` or ``{kind: NAME, option: value}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import CellError, ConfigError, listed, nearest
from gatekit.cell.row_wise import RowWise


def kind_and_options(config: object, where: str) -> tuple[str, dict[str, Any]]:
    """Return the registered name and the options in plain data.

    Args:
        config: a name, or ``{kind: NAME, option: value}``.
        where: the place in the configuration, for messages.

    Raises:
        CellError: the configuration has another form.
    """
    if isinstance(config, str):
        return config, {}
    if not isinstance(config, Mapping):
        raise CellError(
            f"{where}: a name or {{kind: NAME, option: value}} is expected, not {config!r}"
        )
    if "_target_" in config:
        raise CellError(f"{where}._target_: gates are given by registered name, as {{kind: NAME}}")
    if not isinstance(config.get("kind"), str) and where.startswith("swap."):
        raise CellError(
            f"{where}: the gate is missing. Add {where}.kind=NAME to "
            + (" ".join(f"{where}.{k}={v}" for k, v in config.items()) or "its options")
        )
    if not isinstance(config.get("kind"), str):
        raise CellError(
            f"{where}: kind or activation is required; write {{kind: sigmoid, ...}} or "
            "{activation: relu(pre), ...}"
        )
    return config["kind"], {str(k): v for k, v in config.items() if k != "kind"}


def instance_of(cls: Any, options: Mapping[str, Any], where: str) -> Any:
    """Return an instance of the class with these options.

    Raises:
        CellError: an option is unknown or has the wrong type.
    """
    try:
        return cls(**options)
    except ConfigError as error:
        raise CellError(f"{where}: {error}") from None


def kind_of(instance: RowWise, registered: Mapping[str, type]) -> str:
    """Return the name under which the instance's class is registered, or the class' own name."""
    return next(
        (n for n, cls in registered.items() if cls is type(instance)), type(instance).__name__
    )


def unknown(
    where: str, what: str, name: object, known: Mapping[str, Any], catalogue: Catalogue
) -> CellError:
    """Return the error that no such name is registered, with what is and how to add a plugin."""
    broken = (
        f" Left out because broken (gatekit plugins shows why): {listed(catalogue.broken, 6)}."
        if catalogue.broken
        else ""
    )
    return CellError(
        f"{where}: there is no {what} {name!r}{nearest(str(name), known) or '.'} "
        f"Registered: {listed(known, 60)}. Plugins loaded: {listed(catalogue.loaded, 12)}.{broken} "
        "A file of your own is found in ./plugins, or with plugins=[path/to/file.py]; before "
        "keras.models.load_model type gatekit.use_plugins('path/to/file.py')."
    )
