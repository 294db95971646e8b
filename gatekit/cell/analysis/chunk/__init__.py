"""The chunk analysis: which states are memories that need only a few matrix products per chunk.

`form` has the result, whose blocks are operations of `gatekit.cell.program`. `logarithm` derives
logarithms of decays, `interpret` evaluates expressions in `values`, `normal_form` writes an
evaluated memory as a `Memory`, and `analysis` puts a cell's blocks in order. Start with `form`.

No module here is public.
"""

from .analysis import analyse
from .form import Parallel

__all__ = ["Parallel", "analyse"]
