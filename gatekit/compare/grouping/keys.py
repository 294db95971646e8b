"""Find the keys that distinguish groups of runs, those that follow from others, and their order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gatekit.cell.errors import ConfigError
from gatekit.faults import Fault, Kind, Place, nearest_name
from gatekit.study.keys import CHANGED

from .label import value_text

Known = Mapping[str, object]
"""The settings of a run: values by dotted key."""

_TRAINING = ("optimizer", "trainer")
_OPTIMIZER = "optimizer.name"
_BLOCK = "block.kind"
_OWNERS = ("task.name", "output_unit.kind", _BLOCK)
_VARIANTS = ("cell", "change", "swap", "block", "output_unit", "task")
"""The parts of a variant, in the order of a label."""


def is_of_task(key: str) -> bool:
    """Return whether a key belongs to the task."""
    return key == "task" or key.startswith("task.")


def text_of(known: Known, key: str) -> str:
    """Return a run's value at a key as a string that identifies it; empty if there is none."""
    return f"={value_text(known[key])}" if known.get(key) is not None else ""


def differing(rows: Sequence[Known]) -> list[str]:
    """Return the keys for which the rows have several values."""
    keys = {key: None for row in rows for key in row}
    return [key for key in keys if len({text_of(row, key) for row in rows}) > 1]


def differing_inside(
    settings: Sequence[Known], details: Sequence[Known], keys: Sequence[str]
) -> list[str]:
    """Return the keys inside a cell that differ between runs that otherwise agree.

    Runs with different cells or swaps are not compared, because their cells differ in many keys;
    the name of the cell or the swap already distinguishes them.

    Args:
        settings: the settings of each run, without the keys inside its cell.
        details: the keys inside each run's cell.
        keys: the keys for which the settings have several values.
    """
    alike: dict[tuple[str, ...], list[Known]] = {}
    for setting, detail in zip(settings, details, strict=True):
        alike.setdefault(tuple(text_of(setting, key) for key in keys), []).append(detail)
    different: dict[str, None] = {}
    for rows in alike.values():
        distinct = list({id(row): row for row in rows}.values())
        different.update(dict.fromkeys(differing(distinct)))
    return sorted(different)


def without_shared(inside: Sequence[str], everything: Sequence[Known]) -> list[Known]:
    """Return the settings without the options inside a cell that all runs of that cell share."""
    shared: dict[tuple[object, str], set[str]] = {}
    for known in everything:
        for key in inside:
            shared.setdefault((known.get("cell"), key), set()).add(text_of(known, key))
    same = {place for place, texts in shared.items() if len(texts) == 1}
    return [
        {k: v for k, v in known.items() if (known.get("cell"), k) not in same}
        for known in everything
    ]


def of_change(keys: Sequence[str], everything: Sequence[Known]) -> list[str]:
    """Return the keys that a change may set and whose values follow from the change."""
    if "change" not in keys:
        return []
    settable = [key for key in keys if key.partition(".")[0] in CHANGED and key != "cell"]
    return [key for key in settable if follows(key, ["change"], everything)]


def of_kind(keys: Sequence[str], everything: Sequence[Known]) -> dict[str, bool]:
    """Return the options of a task, output unit or block that follow from its name.

    The value is True if several tasks, output units or blocks have the option.
    """
    following: dict[str, bool] = {}
    for owner in [key for key in _OWNERS if key in keys]:
        first = owner.partition(".")[0]
        for key in keys:
            if key != owner and key.startswith(f"{first}.") and follows(key, [owner], everything):
                having = {text_of(run, owner) for run in everything if text_of(run, key)}
                following[key] = len(having) > 1
    if _BLOCK in keys:
        # Blocks that expand the cell set its units by the width.
        sizes = [key for key in ("width", "units") if key in keys]
        for key in sizes:
            others = [key for key in sizes if key not in following]
            owners = [_BLOCK, *(other for other in others if other == "width" != key)]
            if follows(key, owners, everything) and "width" in sizes:
                following[key] = False
    return following


def implied(keys: Sequence[str], everything: Sequence[Known]) -> dict[str, str]:
    """Map the training keys that follow from the task or the optimizer to what they follow from.

    A key with one value per task, per optimizer, or per pair of the two does not distinguish more
    groups than these do.
    """
    tasks = [key for key in keys if is_of_task(key)]
    owners = {"task": tasks, "optimizer": [_OPTIMIZER], "task and optimizer": [*tasks, _OPTIMIZER]}
    owners_of: dict[str, str] = {}
    for owner, members in owners.items():
        swept = [key for key in members if key in keys and key not in owners_of]
        for key in keys if swept else ():
            training = key.partition(".")[0] in _TRAINING
            if training and key not in (*swept, *owners_of) and follows(key, swept, everything):
                owners_of[key] = owner
    return owners_of


def names_variant(key: str) -> bool:
    """Return whether a key chooses the cell, a gate, the block, the output unit or the task."""
    first, *rest = key.split(".")
    if first not in (*_VARIANTS, "mixers"):
        return False
    chosen = not rest or (first == "swap" and len(rest) == 1)
    return chosen or rest[-1] in ("name", "kind") or "equations" in rest


def follows(key: str, own: Sequence[str], everything: Sequence[Known]) -> bool:
    """Return whether the values of other keys determine the value of a key."""
    pairs = {(tuple(text_of(run, k) for k in own), text_of(run, key)) for run in everything}
    return len(pairs) == len({first for first, _ in pairs})


def in_order(keys: Iterable[str]) -> list[str]:
    """Return keys in a label's order: cell, swaps, block, output unit, task, others by name."""

    def rank(key: str) -> tuple[int, bool, str]:
        first, _, rest = key.partition(".")
        place = _VARIANTS.index(first) if first in _VARIANTS else len(_VARIANTS)
        return (place, first != "swap" and rest not in ("name", "kind"), key)

    return sorted(keys, key=rank)


def not_differing(option: str, name: str, known: Iterable[str]) -> ConfigError:
    """Return the error that runs do not differ in a key."""
    return not_a_key(option, name, in_order(known), "the runs do not differ in this key")


def not_chosen(
    option: str,
    given: str,
    why: str,
    known: Iterable[str] = (),
    what: str = "",
    near: str = "",
) -> ConfigError:
    """Return the error of a value of an option that takes a list."""
    place = Place((option,))
    return ConfigError(
        Fault(Kind.REFUSED, place, given, why=why, known=tuple(known), what=what, near=near)
    )


def not_a_key(option: str, name: str, keys: Sequence[str], why: str, near: str = "") -> ConfigError:
    """Return the error of a key that cannot define groups.

    Args:
        option: the option.
        name: the key.
        keys: those that can.
        why: the reason.
        near: the key that is meant, if it is not one of ``keys``.
    """
    place, what = Place((option,)), "keys that differ"
    return ConfigError(
        Fault(Kind.REFUSED, place, name, why=why, known=tuple(keys), what=what, near=near)
    )


def chosen_keys(by: Sequence[str], rows: Iterable[Known], keys: Sequence[str]) -> list[str]:
    """Return the keys that are named in ``by``; a prefix selects the keys below it that differ.

    Args:
        by: keys, or beginnings of keys such as ``optimizer``.
        rows: the settings of the runs.
        keys: the keys that differ.

    Raises:
        ConfigError: no run has such a key, or the key is the seed.
    """
    known = {key for row in rows for key in row}
    chosen: dict[str, None] = {}
    for typed in by:
        key = typed.removesuffix(".kind") if typed.startswith("swap.") else typed
        if key == "seed":
            raise not_a_key("by", key, in_order(keys), "groups are averaged over the seed")
        below = [item for item in in_order(known) if item.startswith(f"{key}.")]
        if key in known:
            chosen[key] = None
            # The gate of a swap has its options below it.
            chosen.update(dict.fromkeys(k for k in below if k in keys))
        elif below:
            chosen.update(dict.fromkeys([k for k in below if k in keys] or below[:1]))
        elif known and not key.startswith("swap."):
            near = nearest_name(key, keys) or nearest_name(key, in_order(known))
            owner = {str(row.get(k)): k for k in reversed(in_order(known)) for row in rows}
            if key in owner:  # --by lstm,gru is --by cell
                near = owner[key]
            raise not_a_key("by", key, in_order(keys), "no run has this key", near)
        else:
            chosen[key] = None
    return list(chosen)
