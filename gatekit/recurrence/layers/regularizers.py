"""Regularizers and constraints of a layer's weights, given as Keras objects."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import keras

from gatekit.cell.errors import CellError, ConfigError, as_plain
from gatekit.cell.graph import Weight
from gatekit.cell.schema import WEIGHT_KINDS, CellSpec
from gatekit.faults import Fault, Kind, Place

Rule: TypeAlias = keras.Regularizer | keras.constraints.Constraint


_BASES = {"regularizers": keras.Regularizer, "constraints": keras.constraints.Constraint}


class Rules:
    """The regularizers and constraints of a layer.

    Args:
        spec: the cell.
        given: by section (``regularizers``, ``constraints``): None, or a mapping from ``kernel``,
            ``recurrent`` or ``bias`` to a Keras object, its name or its saved form, and from gates
            or roles to such a mapping.

    Raises:
        ConfigError: a section is not a mapping, one of its keys is not a kind of weight, gate or
            role, or a rule is none of Keras.
    """

    def __init__(self, spec: CellSpec, given: Mapping[str, Mapping[str, object] | None]) -> None:
        self.objects: dict[tuple[str, str, str], Rule | None] = {}
        for section, value in given.items():
            where = Place((section,))
            entries = _mapping(value or {}, where)
            gates = _gates(spec, where, entries)
            for key, inner in entries.items():
                if key not in gates:
                    self.objects[section, "", key] = _rule(section, inner, where / key)
                    continue
                for which, rule in _mapping(inner, where / key).items():
                    place = where / key / str(which)
                    if which not in WEIGHT_KINDS:
                        raise ConfigError(Fault(Kind.UNKNOWN, place, known=tuple(WEIGHT_KINDS)))
                    self.objects[section, gates[key], which] = _rule(section, rule, place)

    def of(self, weight: Weight) -> dict[str, Rule]:
        """Return ``regularizer`` and ``constraint`` for `keras.layers.Layer.add_weight`."""
        arguments: dict[str, Rule] = {}
        if not weight.trainable or weight.kind not in WEIGHT_KINDS:
            return arguments
        owner = weight.owner.partition(".")[0]  # a projection has the rules of its gate
        for section in _BASES:
            of_all = self.objects.get((section, "", weight.kind))
            rule = self.objects.get((section, owner, weight.kind), of_all)
            if rule is not None:
                arguments[section.removesuffix("s")] = rule
        return arguments

    def config(self) -> dict[str, Any]:
        """Return the objects by section as plain data that `__init__` reads back."""
        sections: dict[str, Any] = {section: {} for section in _BASES}
        for (section, gate, key), rule in self.objects.items():
            place = sections[section].setdefault(gate, {}) if gate else sections[section]
            place[key] = rule
            if rule is not None:
                name = keras.saving.get_registered_name(type(rule))
                place[key] = {"registered": name, "config": rule.get_config()}
        return sections


def _mapping(value: object, where: Place) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        kinds = "kernel, recurrent, bias" + (" or a gate" if len(where.path) == 1 else "")
        expected = f"a mapping from {kinds} to rules"
        raise ConfigError(Fault(Kind.WRONG, where, as_plain(value), expected))
    return value


def _gates(spec: CellSpec, where: Place, keys: Iterable[str]) -> dict[str, str]:
    """Return the gate of each key that is not a kind of weight."""
    names = [key for key in keys if key not in WEIGHT_KINDS]
    known = [*WEIGHT_KINDS, *(gate.name for gate in spec.gates), *dict(spec.roles)]
    for name in names:
        if name not in known:
            raise ConfigError(Fault(Kind.UNKNOWN, where / str(name), known=tuple(known)))
    try:
        return spec.places(names, where)
    except CellError as error:
        raise ConfigError(error.fault or str(error)) from None


def _rule(section: str, value: object, where: Place) -> Rule | None:
    """Return the Keras object that a value means; None for none."""
    module, base = getattr(keras, section), _BASES[section]
    if value is None or isinstance(value, base):
        return value
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            rule: Rule = module.get(value)
            return rule
    if isinstance(value, Mapping):
        # of a saved layer; a file may name registered classes, and imports none
        name = str(value.get("registered"))
        cls = keras.saving.get_registered_object(name) or getattr(module, name, None)
        if inspect.isclass(cls) and issubclass(cls, base):
            return _made(cls, value.get("config", {}))
    expected = f"a keras.{section}.{base.__name__} of a class that Keras knows, or its name"
    raise ConfigError(Fault(Kind.WRONG, where, as_plain(value), expected))


def _made(cls: Any, config: Mapping[str, Any]) -> Rule:
    rule: Rule = cls.from_config(dict(config))
    return rule
