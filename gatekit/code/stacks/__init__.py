"""Several recurrent layers, or blocks, as one file.

`kinds` finds the kinds of a stack's layers, each of which becomes one class or one set of
functions; `spelling` writes operations, `around` a model's docstring, loss, metric and loader.
Start with `kinds.py`. The stack itself, as a list of
operations, is `gatekit.cell.block.stack`.

No module here is public.
"""

from __future__ import annotations

from .kinds import write

__all__ = ["write"]
