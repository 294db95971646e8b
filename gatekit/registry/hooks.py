"""The hooks: what a plugin can provide, one hook per kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pluggy

from gatekit.cell.block.contract import Block
from gatekit.cell.gate import Gate, OutputUnit
from gatekit.cell.language.ops import Function
from gatekit.cell.learned import Initializer, LinearMap
from gatekit.tasks.task import Task

PROJECT = "gatekit"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def gatekit_gates() -> Mapping[str, type[Gate]]:
    """Return gate classes by name."""
    raise NotImplementedError


@hookspec
def gatekit_output_units() -> Mapping[str, type[OutputUnit]]:
    """Return output unit classes by name."""
    raise NotImplementedError


@hookspec
def gatekit_blocks() -> Mapping[str, type[Block]]:
    """Return block classes by name; a block surrounds a recurrent layer."""
    raise NotImplementedError


@hookspec
def gatekit_cells() -> Mapping[str, Callable[..., Mapping[str, Any]]]:
    """Return functions by name; each returns a cell as a mapping, as in conf/cell.

    A function's arguments are the cell's options.
    """
    raise NotImplementedError


@hookspec
def gatekit_functions() -> Mapping[str, Function]:
    """Return functions of the equation language by name, written in terms of `gatekit.ops`."""
    raise NotImplementedError


@hookspec
def gatekit_initializers() -> Mapping[str, type[Initializer]]:
    """Return initializer classes by name."""
    raise NotImplementedError


@hookspec
def gatekit_linear_maps() -> Mapping[str, type[LinearMap]]:
    """Return linear map classes by name."""
    raise NotImplementedError


@hookspec
def gatekit_tasks() -> Mapping[str, type[Task]]:
    """Return task classes (`gatekit.Task`) by name."""
    raise NotImplementedError


@hookspec
def gatekit_callbacks(run: Mapping[str, Any]) -> Sequence[Any]:
    """Return callables ``f(event, **facts)`` that a run calls at ``start``, ``epoch`` and ``end``.

    They should only observe the run: its fingerprint does not depend on them. All events pass
    ``folder``, the run's folder; ``epoch`` also passes ``epoch step loss validation`` and
    ``weights``, a function that returns a copy of all weights by name; ``end`` also passes
    ``state`` and ``result``, the content of result.json. A run that fails or is interrupted has no
    ``end``.

    Args:
        run: the run's resolved configuration, and ``track``: the trackers that the command names.
    """
    raise NotImplementedError


@hookspec
def gatekit_config_dirs() -> Sequence[str]:
    """Return folders with ``cell/``, ``task/``, ``experiment/`` for Hydra and `gatekit.RNN`."""
    raise NotImplementedError


HOOKS = tuple(name for name in vars() if name.startswith("gatekit_"))
MARK = f"{PROJECT}_impl"
"""The attribute by which pluggy marks a function that implements a hook."""

CLASSES: dict[str, type] = {
    "gates": Gate,
    "output_units": OutputUnit,
    "initializers": Initializer,
    "linear_maps": LinearMap,
    "blocks": Block,
    "tasks": Task,
}
"""The kinds whose objects are classes, each with its base."""

KINDS = (*CLASSES, "cells", "functions")
"""The kinds of objects that are registered by name, each through the hook ``gatekit_KIND``."""
