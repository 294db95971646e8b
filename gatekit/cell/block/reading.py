"""Reads a block from plain data, by the name under which a plugin registers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.declare import plain
from gatekit.cell.errors import ConfigError, OptionError
from gatekit.faults import Fault, Kind, Place, unknown_name, unknown_option

from .contract import Block

BLOCK = Place(("block",))
PLAIN: Mapping[str, object] = {"kind": "plain"}
"""The default: nothing is around the recurrent layer."""


@dataclass(frozen=True)
class BlockSpec:
    """A block without sizes.

    Attributes:
        kind: the registered name.
        block: the block with its options.
    """

    kind: str
    block: Block

    @property
    def plain(self) -> bool:
        """Whether nothing is around the recurrent layer."""
        return self.kind == str(PLAIN["kind"])

    @property
    def expand(self) -> float:
        """The default number of the cell's units, as a multiple of the model's width."""
        return float(getattr(self.block, "expand", 1.0))

    def canonical(self) -> dict[str, Any]:
        """Return plain data that `read_block` reads as an equal block; defaults are omitted."""
        return {"kind": self.kind, **self.block.options()}


def read_block(config: Any, catalogue: Catalogue) -> BlockSpec:
    """Return the block that plain data describes.

    Args:
        config: a registered name, or ``{kind: NAME, option: value}``.
        catalogue: the registered parts.

    Raises:
        ConfigError: no plugin registers the name, or an option is not allowed.
    """
    if isinstance(config, BlockSpec):
        return config
    config = {"kind": config} if isinstance(config, str) else config
    kind = config.get("kind") if isinstance(config, Mapping) else None
    if not isinstance(kind, str):
        expected = "a name, or a mapping with the name as kind"
        raise ConfigError(Fault(Kind.WRONG, BLOCK, plain(config), expected))
    if kind not in catalogue.blocks:
        fault = unknown_name(BLOCK / "kind", kind, catalogue.blocks, "blocks")
        if broken := catalogue.broken_with(kind):
            raise ConfigError(f"block={kind}: there is no such block{broken}")
        raise ConfigError(fault)
    block_class = catalogue.blocks[kind]
    given = {str(key): plain(value) for key, value in config.items() if key != "kind"}
    known = block_class.option_names()
    for name, value in given.items():
        if name not in known:
            raise ConfigError(unknown_option(BLOCK / name, value, known))
    try:
        return BlockSpec(kind, block_class(**given))
    except OptionError as error:
        raise ConfigError(error.option.below(BLOCK)) from None
    except ConfigError as error:
        raise ConfigError(f"block={kind}: {error}") from None
