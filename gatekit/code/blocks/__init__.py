"""The block around a cell as code: its parts become lines as a cell's signals do.

`write` goes through the record of parts; `operations` has the notation of parts in each framework;
`frames` puts the cell's file and the block together. Start with `write.py`.
"""

from __future__ import annotations

from .frames import FRAMES
from .write import write

__all__ = ["FRAMES", "write"]
