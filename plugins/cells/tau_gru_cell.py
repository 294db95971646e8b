"""A gated unit with delayed feedback: a cell whose delay is an option."""

from gatekit import MAX_EQUATIONS, GatekitError, hookimpl


def tau_gru(delay=5):
    """Return the cell of a gated recurrent unit with weighted time-delay feedback.

    ``u = tanh(W x + U h_{t-1} + b)``, ``z = tanh(W x + U h_{t-1-delay} + b)``,
    ``g, a = sigmoid(W x + U h_{t-1} + b)``, ``h_t = (1 - g) h_{t-1} + g (u + a z)``

    Args:
        delay: valid steps between the state and the one that is fed back, from 1.

    Reference: Erichson et al., Gated Recurrent Neural Networks with Weighted Time-Delay Feedback
    (2022), arXiv:2212.00228
    """
    if type(delay) is not int or not 1 <= delay <= MAX_EQUATIONS:
        raise GatekitError(
            f"cell.delay={delay!r} should be an integer from 1 to {MAX_EQUATIONS}; "
            f"type cell.delay=5"
        )
    lags = {f"lag_{k}": "h_prev" if k == 1 else f"lag_{k - 1}_prev" for k in range(1, delay + 1)}
    return {
        "name": "tau_gru",
        "gates": {
            "update": {"kind": "update"},
            "weight": {"kind": "sigmoid"},
            "candidate": {"kind": "candidate"},
            "feedback": {"kind": "tanh", "reads": {"x": "dense", f"lag_{delay}_prev": "dense"}},
        },
        "equations": {
            **lags,
            "h": "(1 - update) * h_prev + update * (candidate + weight * feedback)",
        },
        "roles": {"forget": "update"},
        "emits": "h",
    }


@hookimpl
def gatekit_cells():
    """Register the cell."""
    return {"tau_gru": tau_gru}
