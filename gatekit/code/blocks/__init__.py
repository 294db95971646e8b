"""The block around a cell as code: its parts become lines, as a cell's signals do.

`block_text` finds how widths depend on the sizes; `emit` writes a line for each part; `operations`
has the notation of parts in each framework.
Start with `block_text.py`.

No module here is public.
"""

from __future__ import annotations

from .block_text import write

__all__ = ["write"]
