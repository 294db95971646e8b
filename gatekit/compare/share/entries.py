"""The files of a bundle and their size limits, for the writer and the reader."""

from __future__ import annotations

import re

SCHEMA = 1
"""The format of ``bundle.json``."""

MANIFEST = "bundle.json"
CELLS = "conf/cell"
MOST_MANIFEST = 16 * 2**20
MOST_BYTES = 4 * 2**30
"""Largest total size of a bundle's files on disk."""

MOST_FILES = 50_000
"""The most files of a bundle, which is enough for 7,000 runs."""

_MIB = 2**20
_GROUPS = "block|cell|change|experiment|optimizer|output_unit|task|trainer"
_MOST = {
    r"runs/[0-9a-f]{16}/(config\.yaml|env\.json|status\.json)": 1 * _MIB,
    r"runs/[0-9a-f]{16}/result\.json": 4 * _MIB,
    r"runs/[0-9a-f]{16}/(metrics|probe)\.jsonl": 128 * _MIB,
    r"runs/[0-9a-f]{16}/weights\.npz": MOST_BYTES,
    r"plugins/[0-9a-f]{64}\.py": 4 * _MIB,
    rf"conf/({_GROUPS})/[A-Za-z0-9_][A-Za-z0-9_.-]{{0,199}}\.yaml": 1 * _MIB,
    r"data\.json|constraints\.txt|REPRODUCE\.md": 16 * _MIB,
    r"report\.html": 256 * _MIB,
    r"looks\.jsonl": 1 * _MIB,
    r"bundle\.json": MOST_MANIFEST,
}
_BOUNDS = tuple((re.compile(pattern), most) for pattern, most in _MOST.items())


def most_bytes(name: str) -> int | None:
    """Return the size limit of a file in a bundle; None if a bundle has no such file."""
    return next((most for pattern, most in _BOUNDS if pattern.fullmatch(name)), None)
