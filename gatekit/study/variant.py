"""Build one variant of a study: its cell with swapped gates, its sizes and its fingerprint."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gatekit import registry
from gatekit.cell.block.reading import read_block
from gatekit.cell.errors import CellError, ConfigError, GatekitError, excerpt, nearest_name
from gatekit.cell.graph import Cell
from gatekit.cell.schema import (
    ABOUT_KEYS,
    CELL,
    SECTIONS,
    SWAP,
    CellSpec,
    by_gate,
    gate_of,
    gates_and_roles,
    merge,
    read_cell,
    read_output_unit,
    swap,
)
from gatekit.cell.schema.swapping import of_swap
from gatekit.faults import Fault, Kind
from gatekit.recurrence.executors.choose import Setting, check, chunks_win
from gatekit.registry import components
from gatekit.registry.models import model_of
from gatekit.runs.names import fingerprint
from gatekit.tasks.task import check_contiguous

from .keys import DEFAULTS, RUN_KEYS
from .matching import matched, sizes, smaller

# Keys that document a cell and never change its numbers.
_ABOUT = (*ABOUT_KEYS, "roles")


@dataclass(frozen=True)
class Variant:
    """One configuration, whatever its seed.

    Attributes:
        config: the resolved configuration: all of `RUN_KEYS` except ``seed``.
        sizes: parameters, state and FLOPs per token of all recurrent layers.
        data_hash: the hash that identifies the data of the task.
        plugins: the hash of the source of every plugin in use, by name.
        sources: the sources of these plugins, by hash.
        places: options of the task that locate its data.
    """

    config: Mapping[str, Any]
    sizes: Mapping[str, int]
    data_hash: str
    plugins: Mapping[str, str]
    sources: Mapping[str, bytes]
    places: tuple[str, ...] = ()

    def fingerprint(self, seed: int) -> str:
        """Return the name of the run's folder."""
        numbers = self._numbers(seed)
        # The hash of the data identifies the files that these options name.
        numbers["task"] = {k: v for k, v in numbers["task"].items() if k not in self.places}
        return fingerprint(numbers, DEFAULTS, self.data_hash, self.plugins)

    def origin(self, seed: int) -> str:
        """Return a fingerprint that ignores the sources of plugins and the data."""
        return fingerprint(self._numbers(seed), DEFAULTS, "", {})

    def _numbers(self, seed: int) -> dict[str, Any]:
        left_out = ("study", "plugins", "change", "swap", "match", "probe")
        keys = {k: v for k, v in self.config.items() if k not in left_out}
        keys["cell"] = _numbers_of(keys["cell"])
        if keys["mixers"] is not None:
            keys["mixers"] = [_numbers_of(each) for each in keys["mixers"]]
        return {**keys, "seed": seed}


def variant(
    config: Mapping[str, Any], known: components.Components, swapped: bool = False
) -> Variant:
    """Return the variant that a validated configuration describes.

    Args:
        config: the keys of a run.
        known: the registered objects.
        swapped: whether the cell already has its swapped gates, as in a run's config.yaml.

    Raises:
        GatekitError: the cell, task or sizes are not allowed.
    """
    base = {key: config[key] for key in RUN_KEYS if key != "seed"}
    only = base["mixers"] is None
    cell = read_cell(base["cell"], known.catalogue) if swapped or not only else cell_of(base, known)
    unit = read_output_unit(base["output_unit"], known.catalogue)
    task = known.task(base["task"])
    block = read_block(base["block"], known.catalogue)
    base["block"] = block.canonical()
    mixers = [cell]
    if base["mixers"] is not None:
        mixers = mixers_of(base, known, swapped)
        base["mixers"] = [each.canonical() for each in mixers]
        cell = mixers[0]
    base["cell"] = cell.canonical()
    base["output_unit"] = unit.canonical()
    base["task"] = {"name": base["task"]["name"], **task.options()}
    base["swap"] = {role: gate for role, gate in base["swap"].items() if gate is not None}
    signature = task.signature()
    if base["pool"] != "last" and signature.emission == "every":
        raise ConfigError(
            f"pool={base['pool']}: the task {base['task']['name']!r} has a target for every step, "
            "so the head reads every output separately; remove pool."
        )
    if base["residual"] and not block.plain:
        raise ConfigError(
            f"residual=true: the block {block.kind!r} has residual connections of its own; remove "
            "residual, or block."
        )
    if base["vary"] == "order" and task.streamed:
        raise ConfigError(
            f"vary=order: the task {base['task']['name']!r} draws fresh data for each training "
            "step, so its examples have no order to vary; type vary=data or vary=init."
        )
    if (tbptt := base["trainer"].get("tbptt")) is not None:
        check_contiguous(task)
        if base["vary"] == "order" and task.contiguous:
            raise ConfigError(
                f"vary=order with trainer.tbptt={tbptt}: the task {base['task']['name']!r} is read "
                "from beginning to end, so there is no order to vary; type vary=init."
            )
    if isinstance(base["match"], str):
        base |= matched(base, mixers, signature, known)
    # The last shards have no rows if the batch is small.
    batch, shards = base["trainer"]["batch"], base["shards"] or 1
    base["shards"] = -(-batch // -(-batch // shards))
    if base["width"] == base["units"]:
        base["width"] = None  # as if the key were not given
    stack = model_of(base, signature, mixers)
    counted = sizes(stack)
    _fits(base, counted["parameters"])
    if base["executor"] == "auto" and not swapped and base["chosen"] is None:
        base["chosen"] = _chosen(stack.cells, base, getattr(task, "length", None))
    if base["executor"] != "auto":
        for built in stack.cells:
            check(base["executor"], built)
    task.require()
    name = base["task"]["name"]
    return Variant(
        base,
        counted,
        task.data_hash(),
        known.hashes(mixers, unit, name, block),
        known.sources(mixers, unit, name, block),
        task.places,
    )


def _chosen(cells: Iterable[Cell], config: Mapping[str, Any], length: int | None) -> str | None:
    """Return the executor that ``auto`` chooses for all cells; None if each run chooses.

    A run may also have a GPU, which is only known when it starts; chunks run there, too.
    """
    steps = config["trainer"].get("tbptt") or length
    setting = _setting(config["precision"], "cpu")
    mode = "xla" if config["jit"] is True else "graph"  # `jit=auto` leaves chunks in graph mode
    return "chunk" if all(chunks_win(each, setting, steps, mode) for each in cells) else None


def _numbers_of(cell: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in cell.items() if k not in _ABOUT}


def mixers_of(
    config: Mapping[str, Any], known: components.Components, swapped: bool = False
) -> list[CellSpec]:
    """Return the cells of ``mixers``, with the gates of ``swap`` in those that have the role.

    Args:
        config: the keys of a run.
        known: the registered objects.
        swapped: whether the cells already have their swapped gates, as in a run's config.yaml.

    Raises:
        GatekitError: a cell or the number of cells is not allowed, or no cell has a swapped role.
    """
    given, layers = config["mixers"], config["layers"]
    if layers % len(given):
        raise ConfigError(
            f"mixers has {len(given)} cells and layers={layers}; the cells are repeated, so "
            f"layers must be a multiple of {len(given)}: type layers={len(given)}."
        )
    if swapped:
        return [read_cell(each, known.catalogue) for each in given]
    if config["change"] is not None:
        cell = read_cell(config["cell"], known.catalogue)
        if cell != registry.load_cell(str(cell.name), known.catalogue, known.files):
            raise ConfigError(
                f"change={config['change']} has keys of a cell, and with mixers, which name the "
                "cell of each layer, they would have no effect; remove one of them."
            )
    swaps = {role: gate for role, gate in config["swap"].items() if gate is not None}
    plain = [registry.cell_config(each, known.catalogue, known.files) for each in given]
    specs, placed = [], set[str]()
    for each in plain:
        spec = read_cell(each, known.catalogue)
        fitting = {role: gate for role, gate in swaps.items() if _has_role(spec, role)}
        placed |= {*fitting}
        specs.append(cell_of({**config, "cell": each, "swap": fitting}, known) if fitting else spec)
    for role in swaps:
        if role not in placed:
            raise ConfigError(
                f"swap.{role}={excerpt(str(swaps[role]))}: no cell of mixers has the role "
                f"{role!r}; remove it, "
                "or name a cell that has it."
            )
    return specs


def _has_role(spec: CellSpec, role: str) -> bool:
    try:
        spec.role(role)
    except CellError:
        return False
    return True


def _setting(precision: str, device: str) -> Setting:
    """Return the setting of an executor."""
    compute = precision.removeprefix("mixed_")
    return Setting(device, compute, "float32" if compute != precision else precision)


def cell_of(config: Mapping[str, Any], known: components.Components) -> CellSpec:
    """Return the cell of a configuration, with the gates of ``swap`` in their roles.

    Raises:
        GatekitError: the cell or a swap is not allowed.
    """
    cell = config["cell"]
    _no_half_gates(cell.get("gates"), cell.get("roles") or ())
    swaps = {role: gate for role, gate in config["swap"].items() if gate is not None}
    try:
        for role, gate in swaps.items():
            cell = swap(cell, role, gate, known.catalogue)
    except CellError as error:
        read_cell(config["cell"], known.catalogue)  # what is wrong in the cell itself comes first
        raise ConfigError(error.fault or str(error)) from None
    if swaps:
        _refuse_dropped(config["cell"], cell, swaps, known)
    with of_swap(swaps, cell):
        spec = read_cell(cell, known.catalogue)
    spec.places(swaps, SWAP)
    return spec


def _refuse_dropped(
    cell: Mapping[str, Any],
    swapped: Mapping[str, Any],
    swaps: Mapping[str, Any],
    known: components.Components,
) -> None:
    """Refuse keys that differ from the cell's file and that a swap drops.

    A gate that has another kind or activation than in the file is a definition of its own, and a
    swap replaces it as a whole.

    Raises:
        ConfigError: such a key would have no effect.
    """
    try:
        file = registry.cell_config(str(cell.get("name")), known.catalogue, known.files)
        if "function" in cell:
            file |= {key: value for key, value in cell.items() if key not in SECTIONS}
            cell, file = (read_cell(each, known.catalogue).canonical() for each in (cell, file))
    except GatekitError:
        return  # a cell without a file, or a fault that is reported when the cell is read
    (gates, roles), (had, _) = gates_and_roles(cell), gates_and_roles(file)
    places = {gate_of(role, gates, roles): role for role in swaps}
    for place in places:
        entries = (gates[place], had.get(place))
        now, before = (e if isinstance(e, Mapping) else {"kind": e} for e in entries)
        if any(now.get(key) != before.get(key) for key in ("kind", "activation")):
            gates = {name: gate for name, gate in gates.items() if name != place}
    for key in _dropped({**cell, "gates": gates}, file, swapped, "cell"):
        _, section, place, *rest = key.split(".")
        own = section == "gates" and place in places
        role = places[place] if own else next(iter(swaps))
        what, remedy = "the only gate that uses it", "one of the two"
        if own:
            what, option = "this gate", f"swap.{role}.{'.'.join(rest)}=VALUE"
            remedy = f"it, or type {option} for an option of the new gate"
        raise ConfigError(
            f"{key} would have no effect, because swap.{role}={excerpt(str(swaps[role]))} replaces "
            f"{what}; remove {remedy}."
        )


def _dropped(
    given: Mapping[str, Any], file: object, kept: Mapping[str, Any], where: str
) -> Iterator[str]:
    """Yield the keys that differ from those of a file and that are not kept."""
    for key, value in given.items():
        before = file.get(key) if isinstance(file, Mapping) else None
        if value in (before, None) or (where == "cell" and key not in SECTIONS):
            continue
        inner = kept.get(key, {} if isinstance(value, Mapping) else None)
        if isinstance(value, Mapping) and isinstance(inner, Mapping):
            yield from _dropped(value, before, inner, f"{where}.{key}")
        elif key not in kept:
            yield f"{where}.{key}"


def named_gates(
    cell: Mapping[str, Any], composed: DictConfig, known: components.Components
) -> Mapping[str, Any]:
    """Return a composed cell with the names of its gates in place of their roles.

    Words and experiments may use roles. A gate that they also change under its own name differs
    from the gate in the file of the cell.

    Args:
        cell: the cell, as plain data.
        composed: the composed configuration, with its ``hydra`` node.
        known: the registered objects.

    Raises:
        CellError: a gate is changed under its name and under its role.
    """
    gates, roles = gates_and_roles(cell)
    choice = OmegaConf.select(composed, "hydra.runtime.choices.cell")
    others = {role for role, gate in roles.items() if role in gates and role != gate in gates}
    if not others or choice is None:
        return cell
    rest = {name: gate for name, gate in gates.items() if name not in others}
    had: Mapping[str, Any] = rest
    with contextlib.suppress(GatekitError):
        file = registry.cell_config(str(choice), known.catalogue, known.files)
        had, _ = gates_and_roles(file)
    if others & had.keys():
        return cell  # `read_cell` reports it
    changed = {n: gate for n, gate in gates.items() if n not in had or had[n] != gate}
    changes = by_gate({"gates": changed}, {**cell, "gates": had})
    return {**cell, "gates": merge(rest, changes["gates"])}


def _no_half_gates(gates: Any, roles: Iterable[str]) -> None:
    # If a gate's name is misspelt in an option, Hydra adds a gate that has only this option.
    for name, gate in gates.items() if isinstance(gates, Mapping) else ():
        others = [other for other in gates if other != name]
        half = isinstance(gate, Mapping) and not {"kind", "activation"} & set(gate)
        if half and (near := nearest_name(str(name), [*others, *roles])):
            where, known = CELL / "gates" / name, tuple(others)
            raise ConfigError(Fault(Kind.UNKNOWN, where, gate, known=known, near=near))


def _fits(config: Mapping[str, Any], parameters: int) -> None:
    # Four numbers per parameter: weight, gradient and the optimizer's two moments.
    needed = parameters * 4 * (8 if config["precision"] == "float64" else 4)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > memory:
        match = config["match"]
        remedy = smaller(match["to"]) if match else "Choose smaller units or layers."
        raise ConfigError(
            f"units={config['units']} leads to {parameters:,} recurrent parameters, which need "
            f"at least {needed / 2**30:,.1f} GiB to train; this machine has "
            f"{memory / 2**30:,.1f} GiB. {remedy}"
        )
