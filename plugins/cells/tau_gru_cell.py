"""A gated unit with delayed feedback: a cell whose delay is an option."""

from gatekit import MAX_EQUATIONS, GatekitError, hookimpl


def tau_gru(delay=5):
    """Return the cell of a gated recurrent unit with weighted time-delay feedback.

    ``u = tanh(W x_t + U h_{t-1} + b)``, ``z = tanh(W x_{t-delay} + U h_{t-delay} + b)``,
    ``a = sigmoid(W x_{t-delay} + U h_{t-delay} + b)``, ``g = dt sigmoid(W x_t + U h_{t-1} + b)``,
    ``h_t = (1 - g) h_{t-1} + g (beta u + alpha a z)``; u, z, a and g have their own W, U, b.

    Args:
        delay: the number of valid steps, from 1, after which state and input are fed back.

    Reference: Erichson et al., Gated Recurrent Neural Networks with Weighted Time-Delay Feedback
    (2022), arXiv:2212.00228
    """
    if type(delay) is not int or not 1 <= delay <= MAX_EQUATIONS // 2:
        raise GatekitError(
            f"cell.delay={delay!r} should be an integer from 1 to {MAX_EQUATIONS // 2}; "
            f"type cell.delay=5"
        )
    chains = {
        f"{chain}_{k}": f"{first}_prev" if k == 1 else f"{chain}_{k - 1}_prev"
        for chain, first in (("lag", "h"), ("back", "x"))
        for k in range(1, delay + 1)
    }
    delayed = {f"back_{delay}": "dense", f"lag_{delay}": "dense"}
    return {
        "name": "tau_gru",
        "constants": {"dt": 1.0, "alpha": 1.0, "beta": 1.0},
        "gates": {
            "update": {"kind": "update"},
            "weight": {"kind": "sigmoid", "reads": delayed},
            "candidate": {"kind": "candidate"},
            "feedback": {"kind": "tanh", "reads": delayed},
        },
        "equations": {
            **chains,
            "share": "dt * update",
            "h": "(1 - share) * h_prev + share * (beta * candidate + alpha * weight * feedback)",
        },
        "roles": {"forget": "update"},
        "emits": "h",
    }


@hookimpl
def gatekit_cells():
    """Register the cell."""
    return {"tau_gru": tau_gru}
