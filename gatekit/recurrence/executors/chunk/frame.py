r"""The frame of a memory: signs and rotations of decays, moved to its keys and queries.

With decays $a_t = |a_t| e^{i \theta_t}$ and $\Theta_t = \sum_{i \le t} \theta_i$, the memory
$Y_t = e^{-i \Theta_t} S_t$ decays by $|a_t|$, gains $e^{-i \Theta_t} k_t r_t^\top$, and
$q_t^\top S_t = (e^{i \Theta_t} q_t)^\top Y_t$. A complex memory has twice the rows: those of its
real part, then those of its imaginary part. A negative decay is a rotation by $\pi$: a sign.

Source: Sun et al., RetNet (2023), arXiv:2307.08621, equation 3.
"""

from __future__ import annotations

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.language.expression import Call, Number
from gatekit.cell.program import Memory, MemoryRead, MemoryTerm

from .layout import Layout


class Frame:
    """The frame of one memory.

    Args:
        memory: the memory.
        layout: how sequences are cut into chunks.
    """

    def __init__(self, memory: Memory, layout: Layout) -> None:
        self.memory, self.layout = memory, layout
        self.width = memory.shape[-2]
        self.sign = self.turn = None
        if memory.sign is not None:
            # A sign has no gradient.
            sums = layout.running(Call("where", (-memory.sign, Number(1), Number(0))), self.width)
            signs = [tf.stop_gradient(1 - 2 * tf.math.floormod(each, 2)) for each in sums]
            self.sign = [tf.cast(each, layout.dtype) for each in signs]
        if memory.angle is not None:
            sums = layout.running(memory.angle, self.width)
            self.turn = [
                (tf.cast(tf.cos(each), layout.dtype), tf.cast(tf.sin(each), layout.dtype))
                for each in sums
            ]

    @property
    def rows(self) -> int:
        """How many rows the memory has in its frame."""
        return self.width * (1 if self.turn is None else 2)

    def key(self, term: MemoryTerm) -> Tensor:
        """Return a term's key, ``time x batch x heads x rows``."""
        real = self.layout.values(term.key, self.width)
        if self.sign is not None:
            real *= self.sign[1]
        if self.turn is None:
            return real
        imaginary = self.layout.values(term.partner, self.width)
        if self.sign is not None:
            imaginary *= self.sign[1]
        cos, sin = self.turn[1]
        return tf.concat([real * cos + imaginary * sin, imaginary * cos - real * sin], -1)

    def query(self, read: MemoryRead) -> Tensor:
        """Return a read's query, ``time x batch x heads x rows``."""
        return self.read(self.layout.values(read.query, self.width), read.after, read.partner)

    def read(self, query: Tensor, after: bool, partner: bool = False) -> Tensor:
        """Return a query in the frame, for the memory after or before its update."""
        if self.sign is not None:
            query *= self.sign[int(after)]
        if self.turn is None:
            return query
        cos, sin = self.turn[int(after)]
        return tf.concat([query * sin, query * cos] if partner else [query * cos, -query * sin], -1)

    def last(self, memory: Tensor) -> Tensor:
        """Return the last memory outside its frame, ``batch x heads x rows x columns``."""
        if self.turn is None:
            return memory if self.sign is None else memory * self.sign[2][..., None]
        cos, sin = (each[..., None] for each in self.turn[2])
        real, imaginary = tf.split(memory, 2, -2)
        if self.sign is not None:
            real, imaginary = real * self.sign[2][..., None], imaginary * self.sign[2][..., None]
        return tf.concat([real * cos - imaginary * sin, imaginary * cos + real * sin], -2)
