"""The zoo as one page of HTML to browse: families, a family tree, filters, drawings.

`families` reads the family of each cell, and the cell that it comes from. `card` collects the
content of the page for one cell, and `page` fills the template. Start with `page.py`.
"""

from .card import Card, card
from .families import Family, Lineage, families, lineages
from .page import browse, browse_page

__all__ = [
    "Card",
    "Family",
    "Lineage",
    "browse",
    "browse_page",
    "card",
    "families",
    "lineages",
]
