"""Reads a block from plain data, by the name under which a plugin registers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.declare import plain
from gatekit.cell.errors import ConfigError, OptionError, alternatives

from .contract import Block

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
    if isinstance(config, str):
        config = {"kind": config}
    kind = config.get("kind") if isinstance(config, Mapping) else None
    if not isinstance(kind, str):
        raise ConfigError(
            f"block={config!r}: a name such as 'modern', or {{'kind': 'modern', 'conv': 4}}, is "
            "expected; type for example block=modern"
        )
    if kind not in catalogue.blocks:
        other = alternatives(kind, catalogue.blocks, "blocks", "gatekit blocks")
        raise ConfigError(
            f"block={kind}: there is no such block{catalogue.broken_with(kind) or other}"
        )
    block_class = catalogue.blocks[kind]
    given = {str(key): plain(value) for key, value in config.items() if key != "kind"}
    unknown = [name for name in given if name not in block_class.option_names()]
    if unknown and unknown[0] in catalogue.blocks:
        raise ConfigError(
            f"block.{unknown[0]}={given[unknown[0]]}: type block={unknown[0]} and its options as "
            f"block.OPTION=VALUE; in Python, block={{'kind': {unknown[0]!r}, OPTION: VALUE}}."
        )
    if unknown and not block_class.option_names():
        raise ConfigError(
            f"block.{unknown[0]}={given[unknown[0]]}: the block {kind!r} has no options; remove "
            f"this one, or choose another block, such as block=modern block.{unknown[0]}=..."
        )
    try:
        return BlockSpec(kind, block_class(**given))
    except OptionError as error:
        raise ConfigError(f"block={kind}: {error.as_key('block.')}") from None
    except ConfigError as error:
        raise ConfigError(f"block={kind}: {error}") from None
