"""The chunk analysis: which states are memories that need only a few matrix products per chunk.

`logarithm` derives logarithms of decays, `interpret` evaluates expressions in `values`,
`normal_form` writes an evaluated memory as a `Memory`, and `analysis` puts a cell's blocks in order
and has the result. Start with `analysis`.

No module here is public.
"""

from .analysis import Parallel, analyse

__all__ = ["Parallel", "analyse"]
