"""The block plain: nothing around the recurrent layer."""

from gatekit import Block, hookimpl


class Plain(Block):
    """The recurrent layer alone; the default.

    ``y = mixer(x)``

    With ``residual=true`` the layer's input is added where the widths agree.

    Reference: Hochreiter and Schmidhuber, Long short-term memory (1997),
        doi:10.1162/neco.1997.9.8.1735
    """

    def combine(self, parts, x, mixed):
        """Return what the recurrent layer returns."""
        return mixed


@hookimpl
def gatekit_blocks():
    """Register the block."""
    return {"plain": Plain}
