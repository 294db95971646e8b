"""The page: cards by family, a family tree, filters, in one file without outside requests."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gatekit._version import __version__
from gatekit.cell.graph import build
from gatekit.cell.schema import read_output_unit
from gatekit.cell.terminal import printable
from gatekit.registry import bibliography, catalogue, cell_names, load_cell

from .card import Card
from .card import card as card_of
from .families import RELATIONS, families, lineages

HERE = Path(__file__).parent
UNITS, FEATURES = 64, 64
_SIGNS = {relation: sign for sign, relation in RELATIONS.items()}


def browse_page(names: Collection[str], pages: str = "") -> str:
    """Return the page to browse cells.

    Args:
        names: the cells.
        pages: the address of each cell's own page, with ``{}`` in place of its name; empty if
            there are no such pages.
    """
    known, works, found = catalogue(), bibliography(), lineages()
    output = read_output_unit("hidden", known)
    # In the order of the families: a cell comes after the cell that it is derived from.
    order = [*found, *(name for name in cell_names() if name not in found)]
    cards = []
    for name in order:
        if name in names:
            cell = build(load_cell(name, known), UNITS, FEATURES, output)
            tier = dict(cell.spec.about).get("tier", "certified") if name in found else "own"
            cards.append(card_of(cell, tier, found.get(name), output, works))
    return browse(cards, pages)


def browse(cards: Iterable[Card], pages: str = "") -> str:
    """Return the page.

    The content security policy allows one script and one style, by their hashes, and pictures
    within the page; nothing is fetched. Every string is escaped. Equal cards result in equal pages.

    Args:
        cards: the cells.
        pages: the address of a cell's own page with ``{}`` for its name; empty for none.
    """
    cards = list({card.name: card for card in cards}.values())
    style, script = _read("browse.css"), _read("browse.js")
    used = [f for f in families().values() if any(c.lineage.family == f.key for c in cards)]
    return _ENVIRONMENT.get_template("browse.html").render(
        policy=f"default-src 'none'; img-src data:; script-src '{_hash(script)}'; "
        f"style-src '{_hash(style)}'; base-uri 'none'; form-action 'none'",
        version=__version__,
        families=[(f, _ordered(cards, f.key)) for f in used],
        tree=_tree(cards),
        tiers=list(dict.fromkeys(card.tier for card in cards)),
        forms=list(dict.fromkeys(card.parallel for card in cards)),
        years=[card.year for card in cards if card.year],
        count=len(cards),
        certified=sum(card.tier == "certified" for card in cards),
        pages=pages,
        picture=_picture,
        title={family.key: family.title for family in used},
        sign=_SIGNS,
        children=_children(cards),
        style=Markup(style),
        script=Markup(script),
    )


def _ordered(cards: Sequence[Card], family: str) -> list[Card]:
    """Return the cards of a family, oldest first."""
    members = [card for card in cards if card.lineage.family == family]
    return sorted(members, key=lambda card: (card.year or 9999, card.name))


def _children(cards: Sequence[Card]) -> dict[str, list[Card]]:
    """Return, by cell, the cells that come from it, oldest first."""
    children: dict[str, list[Card]] = {card.name: [] for card in cards}
    for card in sorted(cards, key=lambda card: (card.year or 9999, card.name)):
        if card.lineage.other in children:
            children[card.lineage.other].append(card)
    return children


def _tree(cards: Sequence[Card]) -> list[Any]:
    """Return the roots of the family tree, each a card with the trees below it."""
    children = _children(cards)

    def below(card: Card) -> tuple[Card, list[Any]]:
        return card, [below(child) for child in children[card.name]]

    return [below(card) for card in cards if card.lineage.other not in children]


def _picture(svg: str) -> str:
    return "data:image/svg+xml," + quote(svg, safe=" /:;=,.()-_!*")


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _line(value: Any) -> Any:
    """Return a string with control and format characters as escapes; None is empty."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return "" if value is None else value
    return printable(value)


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    finalize=_line,
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
