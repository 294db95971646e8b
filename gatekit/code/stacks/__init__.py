"""Several recurrent layers, or blocks, as one file.

`write` finds the kinds of a stack's layers, each of which becomes one class or one set of
functions; `spelling` writes operations, `around` a model's docstring, loss, metric and loader;
`frames` writes all of it into a file. Start with `write.py`. The stack itself, as a list of
operations, is `gatekit.cell.block.stack`.

No module here is public.
"""

from __future__ import annotations

from .frames import FRAMES
from .write import write

__all__ = ["FRAMES", "write"]
