"""The chunk analysis: which states are memories that need only a few matrix products per chunk.

`form` has the result, `logarithm` derives logarithms of decays, `interpret` evaluates equations in
`values`, `normal_form` writes an evaluated memory as a form, and `analysis` puts a cell's blocks in
order. Start with `form`.
"""

from .analysis import analyse
from .form import Largest, Memories, Memory, MemoryRead, MemoryTerm, Parallel

__all__ = ["Largest", "Memories", "Memory", "MemoryRead", "MemoryTerm", "Parallel", "analyse"]
