"""The floor, as a function of the equation language."""

from gatekit import Function, hookimpl


def _floor(x):
    return x // 1


_floor.expected_failures = {"function_gradient": "a step has the slope 0 wherever it has one"}


@hookimpl
def gatekit_functions():
    """Register ``floor``; its derivative is 0.

    Reference: Neil, Pfeiffer & Liu, Phased LSTM (2016), arXiv:1610.09513, for phases of a rhythm
    """
    return {
        "floor": Function(
            "floor",
            arity=1,
            kind="elementwise",
            latex=r"\operatorname{{floor}}\left({0}\right)",
            compose=_floor,
            summary="the largest whole number not above x",
        )
    }
