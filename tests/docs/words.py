"""The words of README and docs, page by page: ``cd tests; python -m docs.words``.

A word has a letter or a digit; code counts, the rules of tables do not. Generated pages, and the
generated parts of others, are left out.
"""

from __future__ import annotations

import re
import sys

from .pages import ROOT

GENERATED = ("docs/calibration.md", "docs/parallel.md", "docs/tasks.md", "docs/zoo.md")
_PART = re.compile(r"<!-- findings -->.*?<!-- end -->", re.DOTALL)


def words() -> dict[str, int]:
    """Return the number of words that people wrote, by page."""
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    texts = {str(p.relative_to(ROOT)): p.read_text(encoding="utf-8") for p in paths}
    return {
        page: sum(bool(re.search(r"\w", word)) for word in _PART.sub("", text).split())
        for page, text in texts.items()
        if page not in GENERATED
    }


if __name__ == "__main__":
    counted = words()
    for page, count in sorted(counted.items(), key=lambda item: -item[1]):
        sys.stdout.write(f"{count:6,} {page}\n")
    sys.stdout.write(f"{sum(counted.values()):6,} in all\n")
