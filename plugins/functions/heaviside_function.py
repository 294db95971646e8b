"""A step with the gradient of another function."""

from gatekit import Function, hookimpl, ops


def _heaviside(x, surrogate):
    return ops.where(ops.stop(x), 1.0, 0.0) + (surrogate - ops.stop(surrogate))


@hookimpl
def gatekit_functions():
    """Register ``heaviside``: its value is 0 or 1, its gradient that of its second argument.

    Reference: Neftci, Mostafa & Zenke, Surrogate Gradient Learning in Spiking Neural Networks
    (2019), doi:10.1109/MSP.2019.2931595
    """
    return {
        "heaviside": Function(
            "heaviside",
            arity=2,
            kind="elementwise",
            latex=r"\operatorname{{heaviside}}\left({0}; {1}\right)",
            compose=_heaviside,
            summary="1 if x > 0, otherwise 0, with the gradient of surrogate",
            range=(0.0, 1.0),
        )
    }
