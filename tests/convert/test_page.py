"""What docs/exchange.md shows runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs/exchange.md"


@pytest.mark.slow
def test_the_page_of_exchange_runs() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "docs/exchange.md", "exec"), names)
    assert names["back"].reset_after
    assert set(names["arrays"]) == set(names["state"])
    assert Path(names["folder"], "model.tflite").stat().st_size > 0
