"""The suites of checks for gates, output units, blocks, functions, tasks and cells."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from gatekit.cell.errors import PluginError, listed, nearest

from .cell_subject import CellSubject
from .outcome import Check
from .subject import subject

DECLARED = ("loads_alone", "name_valid", "documented")
ROW_WISE = (
    "shape_kept",
    "dtype_kept",
    "rows_apart",
    "steps_apart",
    "units_apart",
    "batch_of_one",
    "makes_nothing",
    "deterministic",
    "gradient",
    "differentiable",
    "finite_when_saturated",
)
OWNED = ("owned_matters", "states_bounded")
IN_A_LAYER = (
    "everything_learns",
    "masked_nan",
    "executors_agree",
    "compiles_with_xla",
    "mixed_precision",
    "one_trace",
    "saves_and_loads",
    "speed",
)
OF_FUNCTIONS = (
    "function_documented",
    "equations_take_it",
    "backends_agree",
    "function_dtype_kept",
    "function_rows_apart",
    "kind_true",
    "function_gradient",
)
OF_TASKS = (
    "signature_valid",
    "chance_finite",
    "data_fit",
    "data_repeat",
    "data_hash_stable",
    "document_in_order",
)
OF_BLOCKS = (
    "parts_fit",
    "everything_learns",
    "causal",
    "masked_steps_skipped",
    "chunks_are_whole",
    "compiles_with_xla",
    "mixed_precision",
    "saves_and_loads",
)
OF_CELLS = (
    "sizes_fit",
    "slopes_true",
    "everything_learns",
    "executors_agree",
    "chunks_are_whole",
    "causal",
    "masked_nan",
    "compiles_with_xla",
    "mixed_precision",
    "one_trace",
    "saves_and_loads",
    "not_saturated",
    "memory_length",
    *OWNED,
)
_ROW = (*DECLARED, "options_plain", "asks_for_known", *ROW_WISE)
NAMES: Mapping[str, tuple[str, ...]] = {
    "gates": (*_ROW, *OWNED, *IN_A_LAYER),
    "output_units": (*_ROW, OWNED[0], *IN_A_LAYER),
    "functions": (*DECLARED[:2], *OF_FUNCTIONS),
    "tasks": (*DECLARED, "options_plain", *OF_TASKS),
    "blocks": (*DECLARED, "options_plain", *OF_BLOCKS),
    "cells": OF_CELLS,
}


def gate_checks(
    name: str, plugins: Sequence[str] = (), options: Mapping[str, object] | None = None
) -> list[Check]:
    """Return the named checks of a gate, for ``pytest.mark.parametrize("check", ..., ids=str)``.

    Args:
        name: the gate's registered name.
        plugins: plugin files in addition to the discovered plugins.
        options: options to create the gate with.

    Returns:
        Checks; a check that fails raises AssertionError, with the reason, when called.

    Raises:
        PluginError: there is no such gate, or its ``expected_failures`` name an unknown check.
    """
    return checks("gates", name, plugins, options)


def output_unit_checks(
    name: str, plugins: Sequence[str] = (), options: Mapping[str, object] | None = None
) -> list[Check]:
    """Return the named checks of an output unit; see `gate_checks`."""
    return checks("output_units", name, plugins, options)


def function_checks(name: str, plugins: Sequence[str] = ()) -> list[Check]:
    """Return the named checks of a function of the equation language; see `gate_checks`."""
    return checks("functions", name, plugins)


def task_checks(
    name: str, plugins: Sequence[str] = (), options: Mapping[str, object] | None = None
) -> list[Check]:
    """Return the named checks of a task; see `gate_checks`."""
    return checks("tasks", name, plugins, options)


def block_checks(
    name: str, plugins: Sequence[str] = (), options: Mapping[str, object] | None = None
) -> list[Check]:
    """Return the named checks of a block; see `gate_checks`."""
    return checks("blocks", name, plugins, options)


def checks(
    kind: str, name: str, plugins: Sequence[str] = (), options: Mapping[str, object] | None = None
) -> list[Check]:
    """Return the checks of one registered object.

    Args:
        kind: ``gates``, ``output_units``, ``blocks``, ``functions`` or ``tasks``.
        name: its registered name.
        plugins: plugin files in addition to the discovered plugins.
        options: options to create it with.

    Raises:
        PluginError: there is no such object, or its ``expected_failures`` name an unknown check.
    """
    checked = subject(kind, name, plugins, options)
    expected = checked.expected_failures
    for check in expected:
        if check not in NAMES[kind]:
            raise PluginError(
                f"{name}.expected_failures: there is no check {check!r}; checks: "
                f"{listed(NAMES[kind], 40)}{nearest(check, NAMES[kind])}"
            )
    functions = _functions(kind)
    return [Check(n, functions[n], checked, checked.path, expected) for n in NAMES[kind]]


def cell_checks(cell: CellSubject) -> list[Check]:
    """Return the named checks of a cell.

    Args:
        cell: the cell, from `gatekit.testing.cell_subject.from_file` or ``by_name``.
    """
    functions = _functions("cells")
    return [Check(name, functions[name], cell) for name in OF_CELLS]


def _functions(kind: str) -> dict[str, Any]:
    # Imported here, so that names, results and listings do not need TensorFlow.
    modules = {
        "functions": ("of_functions",),
        "tasks": ("of_tasks",),
        "blocks": ("layer_checks", "of_blocks"),
        "cells": ("layer_checks", "cell_checks", "owned_checks"),
    }.get(kind, ("row_checks", "layer_checks", "owned_checks"))
    return {
        name: value
        for module in ("declared", *modules)
        for name, value in vars(importlib.import_module(f"{__package__}.{module}")).items()
    }
