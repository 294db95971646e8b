"""The zoo as one page of HTML to browse: families, a family tree, filters, drawings.

`families` reads which cell belongs to which family, and which cell it comes from; `card` gathers
what the page shows of one cell; `page` fills the template. Start with `page.py`.
"""

from .card import Card, card
from .families import Family, Lineage, families, lineages
from .page import browse

__all__ = ["Card", "Family", "Lineage", "browse", "card", "families", "lineages"]
