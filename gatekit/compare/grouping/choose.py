"""Filter a study's runs, by ``--where KEY=VALUE`` and ``--task NAME``, and choose the split."""

from __future__ import annotations

import dataclasses
import operator
import re
from collections.abc import Iterable, Mapping, Sequence

from gatekit.cell.errors import ConfigError
from gatekit.compare.study import Study
from gatekit.faults import Fault, Kind, Place, nearest_name, unknown_name
from gatekit.runs.record import RunRecord
from gatekit.runs.result import Result

from .group import all_settings, by_gate
from .keys import not_chosen
from .label import value_text

_SIGNED = re.compile(r"([<>!=]=|[<>])\s*(.+)")
_CONDITION = re.compile(rf"([\w.]+)\s*({_SIGNED.pattern})")
_COMMA = re.compile(r",(?![^{\[]*[}\]])")
_MOST = 12


def where(study: Study, conditions: Sequence[str], tasks: Sequence[str] = ()) -> Study:
    """Return a study with the runs that meet every condition.

    Args:
        study: the result of ``load``.
        conditions: strings ``KEY=VALUE``, ``KEY=VALUE,VALUE`` or ``KEY>=NUMBER`` (``<``, ``!=``
            and so on); several values of one key are alternatives. A key may be shortened to its
            last part, such as ``learning_rate``; ``seed``, ``state`` and ``origin`` are keys, too.
        tasks: names of tasks, which are alternatives.

    Raises:
        ConfigError: a condition has a different form, or no run has its key or its value.
    """
    wanted = _wanted(conditions, tasks)
    every = (*study.runs, *study.planned)
    if not wanted or not every:
        return study
    facts = [
        {**all_settings(run), "seed": run.seed, "state": run.state, "origin": run.origin}
        for run in every
    ]
    chosen = list(zip(every, facts, strict=True))
    for typed, values in wanted:
        for run, known in chosen:
            if (key := by_gate(typed, [run])[0]) in known:
                known[typed] = known[key]
        key = _key(typed, facts)
        texts = dict.fromkeys(_text(known, key) for _, known in chosen)
        for value in values:
            if not any(_equal(text, value) for text in texts):
                if typed == "task" and any(value in one.split(",") for one in tasks):
                    raise ConfigError(unknown_name(Place(("tasks",)), value, texts, "tasks"))
                equals = "" if _SIGNED.fullmatch(value) else "="
                near, why = nearest_name(value, texts), "no run has this value"
                raise not_chosen("where", f"{typed}{equals}{value}", why, texts, "values", near)
        chosen = [(run, k) for run, k in chosen if any(_equal(_text(k, key), v) for v in values)]
    met = {id(run) for run, _ in chosen}
    runs, planned = (tuple(r for r in of if id(r) in met) for of in (study.runs, study.planned))
    return dataclasses.replace(study, runs=runs, planned=planned)


def _wanted(conditions: Sequence[str], tasks: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return keys, each with values of which a run has one; ``units>=8`` is a value ``>=8``."""
    wanted: dict[str, list[str]] = {}
    compared: list[tuple[str, list[str]]] = []
    for condition in conditions:
        if signed := _CONDITION.fullmatch(condition):
            compared.append((signed[1], [signed[2]]))
            continue
        key, equals, values = condition.partition("=")
        if not key or not equals or not values:
            raise not_chosen("where", condition, "a condition is a key with its values")
        wanted.setdefault(key, []).extend(_COMMA.split(values))
    for task in tasks:
        wanted.setdefault("task", []).extend(task.split(","))
    return [*wanted.items(), *compared]


def _key(typed: str, facts: Sequence[Mapping[str, object]]) -> str:
    known = {key: None for fact in facts for key in fact}
    for key in (typed, f"{typed}.name", f"{typed}.kind", typed.removesuffix(".kind")):
        if key in known:
            return key
    ends = [key for key in known if key.endswith(f".{typed}")]
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise not_chosen("where", typed, "several keys end like this", ends, "keys of the runs")
    short = [key for key in known if key.count(".") < 2]
    near, why = nearest_name(typed, known), "no run has this key"
    raise not_chosen("where", typed, why, short, "keys of the runs", near)


def _text(known: Mapping[str, object], key: str) -> str:
    value = known.get(key)
    return "none" if value is None else value_text(value)


_COMPARED = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def _equal(text: str, value: str) -> bool:
    if text == value:
        return True
    sign, other = signed.groups() if (signed := _SIGNED.fullmatch(value)) else ("", "")
    if sign in ("==", "!="):
        return _equal(text, other) == (sign == "==")
    try:
        if sign:
            return bool(_COMPARED[sign](float(text), float(other)))
        return float(text) == float(value)
    except ValueError:
        return False


def on_split(study: Study, split: str) -> Study:
    """Return a study with the results on one split, at the best validation epoch.

    Raises:
        ConfigError: a run has no score on this split.
    """
    for run in study.runs:
        if (result := run.result) is not None and result.best is not None:
            known = _known(result)
            if split not in known:
                why = f"run {run.id} of task {result.task} has no score on it"
                place = Place(("split",))
                raise ConfigError(
                    Fault(Kind.REFUSED, place, split, why=why, known=tuple(known), what="splits")
                )
    return dataclasses.replace(study, runs=tuple(_chosen(study.runs, split)))


def _known(result: Result) -> list[str]:
    assert result.best is not None
    names = ("validation", "test", *result.best.further)
    return [name for name in names if result.best.on(name) is not None]


def _chosen(runs: Iterable[RunRecord], split: str) -> Iterable[RunRecord]:
    for run in runs:
        result = run.result
        yield (
            run
            if result is None
            else dataclasses.replace(run, result=dataclasses.replace(result, chosen=split))
        )
