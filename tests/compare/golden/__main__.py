"""Rewrite what is expected: ``python -m tests.compare.golden``."""

import json
import shutil
import tempfile
from pathlib import Path

from .studies import LARGE, SMALL, hashes, written
from .test_golden import EXPECTED

shutil.rmtree(EXPECTED, ignore_errors=True)
known = {}
for study in (*SMALL, *LARGE):
    with tempfile.TemporaryDirectory() as root:
        files = written(study, Path(root))
    if study in SMALL:
        (EXPECTED / study).mkdir(parents=True)
        for name, text in files.items():
            (EXPECTED / study / name).write_text(text, encoding="utf-8")
    else:
        known[study] = hashes(files)
(EXPECTED / "hashes.json").write_text(json.dumps(known, indent=1) + "\n")
