"""A cell's works as BibTeX."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

NEEDED = ("authors", "title", "year")
# The first of these that a work has is where it appeared, and decides the kind of entry.
_KINDS = {"journal": "article", "booktitle": "inproceedings", "school": "phdthesis"}
FIELDS = (*NEEDED, *_KINDS, "volume", "number", "pages", "doi", "arxiv", "url")
# Title words that do not tell works of one author and year apart.
_SMALL = {"a", "an", "and", "for", "in", "of", "on", "the", "to", "with"}


def bibtex(works: Sequence[Mapping[str, Any]]) -> str:
    """Return the works as BibTeX entries, in UTF-8, the titles' capitals kept.

    Args:
        works: mappings with ``authors`` (as BibTeX has them: ``Last, First and Last, First``),
            ``title``, ``year`` and others of ``FIELDS``.
    """
    return "\n\n".join(_entry(work) for work in works)


def _entry(work: Mapping[str, Any]) -> str:
    kind = next((kind for field, kind in _KINDS.items() if field in work), "misc")
    fields = {"author": _text(work["authors"]), "title": f"{{{_text(work['title'])}}}"}
    for field in FIELDS:
        if field in work and field not in ("authors", "title", "arxiv"):
            # Identifiers stand as they are: a style prints them verbatim.
            verbatim = field in ("doi", "url")
            fields[field] = str(work[field]) if verbatim else _text(work[field])
    if "arxiv" in work:
        fields |= {"eprint": str(work["arxiv"]), "archiveprefix": "arXiv"}
    width = max(len(field) for field in fields)
    lines = [f"  {field:<{width}} = {{{value}}}" for field, value in fields.items()]
    return "\n".join([f"@{kind}{{{_key(work)},", ",\n".join(lines), "}"])


def _key(work: Mapping[str, Any]) -> str:
    words = [w for w in re.findall(r"\w+", _ascii(work["title"])) if w not in _SMALL]
    last = "".join(re.findall(r"\w+", _ascii(work["authors"].split(",")[0])))
    return f"{last}{work['year']}{words[0] if words else ''}"


def _ascii(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return folded.encode("ascii", "ignore").decode().lower()


def _text(value: Any) -> str:
    escaped = str(value).replace("\\", r"\textbackslash ")
    return re.sub(r"([&%$#_{}])", r"\\\1", escaped)
