"""Everything that is registered, as frozen mappings: the registry fills them, `cell` reads them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gatekit.cell.language.ops import FUNCTIONS, Function

from .block.contract import Block
from .gate import Gate, OutputUnit
from .learned import Initializer, LinearMap

_EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Catalogue:
    """The names that a cell may use, with the part registered under each.

    Attributes:
        gates: gate classes.
        output_units: output unit classes.
        cells: functions that return a cell as a mapping.
        functions: functions of the equation language.
        initializers: initializer classes.
        linear_maps: linear map classes.
        blocks: block classes.
        loaded: the plugins behind these names, for error messages.
        broken: the plugins that failed to load, each with the reason, for error messages.
    """

    gates: Mapping[str, type[Gate]] = field(default_factory=lambda: _EMPTY)
    output_units: Mapping[str, type[OutputUnit]] = field(default_factory=lambda: _EMPTY)
    cells: Mapping[str, Callable[..., Mapping[str, Any]]] = field(default_factory=lambda: _EMPTY)
    functions: Mapping[str, Function] = field(default_factory=lambda: MappingProxyType(FUNCTIONS))
    initializers: Mapping[str, type[Initializer]] = field(default_factory=lambda: _EMPTY)
    linear_maps: Mapping[str, type[LinearMap]] = field(default_factory=lambda: _EMPTY)
    blocks: Mapping[str, type[Block]] = field(default_factory=lambda: _EMPTY)
    loaded: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()

    def broken_with(self, name: object) -> str:
        """Return why plugins named after a missing part are broken, as the end of a sentence.

        It is empty if no broken plugin has the part's name in its own, or in its reason.

        Args:
            name: the name that was not found.
        """
        # Each entry is the plugin's name, with the reason in brackets.
        own = re.compile(rf"(?<!\w){re.escape(str(name))}(?!\w)")
        mine = [e for e in self.broken if str(name) in e.partition(" ")[0] or own.search(e)]
        if not mine:
            return ""
        return (
            f", because its plugin is broken: {'; '.join(mine)}. `gatekit plugins --json` has the "
            "traceback."
        )
