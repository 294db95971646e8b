"""The Mogrifier LSTM: a cell whose rounds of mutual gating are an option."""

from gatekit import MAX_EQUATIONS, GatekitError, hookimpl


def mogrifier_lstm(rounds=5):
    """Return the LSTM whose input and hidden state gate each other before it reads them.

    ``x_i = 2 sigmoid(Q_i h_{i-1} + b_i) x_{i-2}`` in odd rounds i,
    ``h_i = 2 sigmoid(R_i x_{i-1} + b_i) h_{i-2}`` in even ones, with x_{-1} = x and h_0 = h_prev.

    Args:
        rounds: how many rounds there are, from 0, which is the LSTM.

    Reference: Melis, Kočiský & Blunsom, Mogrifier LSTM (2020), arXiv:1909.01792
    """
    if type(rounds) is not int or not 0 <= rounds <= MAX_EQUATIONS:
        raise GatekitError(
            f"cell.rounds={rounds!r} should be an integer from 0 to {MAX_EQUATIONS}: cell.rounds=5"
        )
    x, h = "x", "h_prev"
    gates, equations = {}, {}
    for i in range(1, rounds + 1):
        gate = f"mogrify_{i}"
        if i % 2:
            gates[gate] = {"kind": "sigmoid", "reads": {h: "dense"}, "units": "features"}
            equations[f"x_{i}"] = f"2 * {gate} * {x}"
            x = f"x_{i}"
        else:
            gates[gate] = {"kind": "sigmoid", "reads": {x: "dense"}}
            equations[f"h_{i}"] = f"2 * {gate} * {h}"
            h = f"h_{i}"
    reads = {x: "dense", h: "dense"}
    for kind in ("input", "forget", "output", "candidate"):
        gates[kind] = {"kind": kind, "reads": reads}
    gates["forget"]["initializers"] = {"bias": {"kind": "ones"}}
    equations |= {"c": "forget * c_prev + input * candidate", "h": "output * tanh(c)"}
    return {"name": "mogrifier_lstm", "gates": gates, "equations": equations, "emits": "h"}


@hookimpl
def gatekit_cells():
    """Register the cell."""
    return {"mogrifier_lstm": mogrifier_lstm}
