"""The block around a cell as code: its parts become lines, as a cell's signals do.

`write` finds how widths depend on the sizes; `emit` writes a line for each part; `operations` has
the notation of parts in each framework; `frames` writes the cell and the block into a file. Start
with `write.py`.

No module here is public.
"""

from __future__ import annotations

from .frames import FRAMES
from .write import write

__all__ = ["FRAMES", "write"]
