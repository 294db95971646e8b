"""The positive map of minGRU and minLSTM, as a function of the equation language."""

from gatekit import Function, hookimpl, ops


def _positive(x):
    # x + 1/2 where x >= 0, sigmoid(x) elsewhere; both pieces meet at 1/2.
    return ops.relu(x) + ops.minimum(ops.sigmoid(x), 0.5)


@hookimpl
def gatekit_functions():
    """Register ``positive``.

    Reference: Feng et al., Were RNNs All We Needed? (2024), arXiv:2410.01201
    """
    return {
        "positive": Function(
            "positive",
            arity=1,
            kind="elementwise",
            latex=r"g\left({0}\right)",
            compose=_positive,
            summary="x + 1/2 where x >= 0, else sigmoid(x)",
        )
    }
