"""Regularizers and constraints of a layer's weights, from its cell or given as Keras objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import keras
import numpy as np

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import CellError, ConfigError, as_plain, listed
from gatekit.cell.graph import Weight
from gatekit.cell.schema import RULES, WEIGHT_KINDS, CellSpec, read_cell
from gatekit.faults import NOTHING, Fault, Kind, Place, Set, unknown_option

Rule: TypeAlias = keras.Regularizer | keras.constraints.Constraint

_BUILT_IN: dict[str, dict[str, type[Rule]]] = {
    "regularizers": {
        "l1": keras.regularizers.L1,
        "l2": keras.regularizers.L2,
        "l1_l2": keras.regularizers.L1L2,
        "orthogonal": keras.regularizers.OrthogonalRegularizer,
    },
    "constraints": {
        "max_norm": keras.constraints.MaxNorm,
        "min_max_norm": keras.constraints.MinMaxNorm,
        "non_neg": keras.constraints.NonNeg,
        "unit_norm": keras.constraints.UnitNorm,
    },
}
_BASES = {"regularizers": keras.Regularizer, "constraints": keras.constraints.Constraint}


class Rules:
    """The regularizers and constraints given to a layer, besides those of its cell.

    Built-in rules become part of the cell. Objects of other classes are kept here.

    Args:
        spec: the cell.
        given: by section (``regularizers``, ``constraints``): None, or a mapping from ``kernel``,
            ``recurrent`` or ``bias`` to a rule, and from gates or roles to such a mapping.
        catalogue: everything that is registered.

    Attributes:
        spec: the cell with the built-in rules.

    Raises:
        CellError: a key of a gate, a kind or an option is not allowed.
        ConfigError: a section is not a mapping, one of its keys is not a kind of weight, gate or
            role, a rule has the wrong type, or the class of a saved rule is not registered.
    """

    def __init__(
        self, spec: CellSpec, given: Mapping[str, Mapping[str, object] | None], catalogue: Catalogue
    ) -> None:
        self.objects: dict[tuple[str, str, str], Rule] = {}
        if not any(given.values()):
            self.spec = spec
            return
        config = spec.canonical()
        for section, value in given.items():
            entries = _mapping(section, value or {}, Place((section,)))
            gates = _gates(spec, section, entries)
            for key, inner in entries.items():
                if key not in gates:
                    self._put(config, section, "", key, inner)
                    continue
                gate = gates[key]
                for which, rule in _mapping(section, inner, Place((section, key))).items():
                    self._put(config["gates"][gate], section, gate, which, rule)
        self.spec = read_cell(config, catalogue)

    def _put(self, config: dict[str, Any], section: str, gate: str, key: str, rule: object) -> None:
        where = ".".join(part for part in (section, gate, key) if part)
        if isinstance(rule, Mapping) and "registered" in rule:
            rule = _restored(rule, where)
        if rule is not None and not isinstance(rule, (str, Mapping)):
            rule = _plain(section, rule, where)
        rules = config.setdefault(section, {})
        if isinstance(rule, _BASES[section]):
            self.objects[section, gate, key] = rule
            rule = None
        rules[key] = rule

    def of(self, weight: Weight) -> dict[str, Rule]:
        """Return ``regularizer`` and ``constraint`` for `keras.layers.Layer.add_weight`."""
        arguments: dict[str, Rule] = {}
        if not weight.trainable or weight.kind not in WEIGHT_KINDS:
            return arguments
        gates = {gate.name: gate.gate for gate in self.spec.gates}
        owner = weight.owner.partition(".")[0]  # a projection has the rules of its gate
        for section, argument in (("regularizers", "regularizer"), ("constraints", "constraint")):
            of_gate = getattr(gates.get(owner), section, {})
            built = self.objects.get((section, owner, weight.kind))
            if built is None and weight.kind not in of_gate:
                built = self.objects.get((section, "", weight.kind))
            rule = getattr(weight, argument)
            if built is None and rule is not None:
                built = _made(section, rule, len(weight.shape))
            if built is not None:
                arguments[argument] = built
        return arguments

    def config(self) -> dict[str, Any]:
        """Return the objects by section as plain data that `__init__` reads back."""
        sections: dict[str, Any] = {section: {} for section in RULES}
        for (section, gate, key), rule in self.objects.items():
            place = sections[section].setdefault(gate, {}) if gate else sections[section]
            name = keras.saving.get_registered_name(type(rule))
            place[key] = {"registered": name, "config": rule.get_config()}
        return sections


def _mapping(section: str, value: object, where: Place) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        kinds = "kernel, recurrent, bias" + (" or a gate" if len(where.path) == 1 else "")
        rule: Any = value if isinstance(value, str) else next(iter(_BUILT_IN[section]))
        if isinstance(value, _BASES[section]):
            rule = _plain(section, value, section)
        fix = Set(where, {"kernel": rule, "recurrent": rule})
        expected = f"a mapping from {kinds} to rules"
        raise ConfigError(Fault(Kind.WRONG, where, as_plain(value), expected, fixes=(fix,)))
    return value


def _gates(spec: CellSpec, section: str, keys: Iterable[str]) -> dict[str, str]:
    """Return the gate of each key that is not a kind of weight."""
    names = [key for key in keys if key not in WEIGHT_KINDS]
    known = [*WEIGHT_KINDS, *(gate.name for gate in spec.gates), *dict(spec.roles)]
    for name in names:
        if name not in known:
            raise ConfigError(unknown_option(Place((section, str(name))), NOTHING, known))
    try:
        return spec.places(names, Place((section,)))
    except CellError as error:
        raise ConfigError(error.fault or str(error)) from None


def _plain(section: str, value: Rule, where: str) -> Rule | dict[str, object]:
    """Return a built-in object as ``{kind: NAME, ...}``, and any other object unchanged."""
    for kind, cls in _BUILT_IN[section].items():
        if type(value) is cls:
            options = {name: _shortest(option) for name, option in value.get_config().items()}
            return {"kind": kind, **options}
    if not isinstance(value, _BASES[section]):
        place, names = Place.of(where), listed(_BUILT_IN[section])
        expected = f"one of {names}, or a keras.{section}.{_BASES[section].__name__}"
        such: object = next(iter(_BUILT_IN[section]))
        if section == "regularizers" and isinstance(value, (int, float)) and value is not True:
            such = {"kind": "l2", "l2": value}
        fixes = (Set(place, such),)
        raise ConfigError(Fault(Kind.WRONG, place, as_plain(value), expected, fixes=fixes))
    return value


def _shortest(option: object) -> object:
    """Return a number that Keras rounded to float32 as the shortest decimal that rounds to it."""
    if isinstance(option, float) and float(np.float32(option)) == option:
        return float(str(np.float32(option)))
    return option


def _restored(data: Mapping[str, Any], where: str) -> Rule:
    """Return an object from its saved form; its class must be registered with Keras."""
    cls = keras.saving.get_registered_object(data["registered"])
    if cls is None:
        raise ConfigError(
            f"{where}: the class {data['registered']!r} is not registered with Keras; decorate it "
            "with @keras.saving.register_keras_serializable(), or load the model with "
            "custom_objects={NAME: CLASS}"
        )
    return cls.from_config(dict(data.get("config", {})))


def _made(section: str, rule: Mapping[str, Any], rank: int) -> Rule:
    options = {name: value for name, value in rule.items() if name != "kind"}
    if "axis" in options:
        # `axis` is an axis of a matrix, or of each matrix in a stack. A vector has a single norm.
        options["axis"] = options["axis"] + rank - 2 if rank > 1 else 0
    built = _BUILT_IN[section][rule["kind"]](**options)
    if section == "regularizers":
        # Keras rounds some factors to float32 and then cannot multiply them by a float64 weight.
        vars(built).update(options)
    return built
