"""Recurrent cells with multiplicative integration: the reads of x and of h are multiplied."""

from gatekit import hookimpl

_ONES = {"shape": "units", "init": 1.0}


def _integrated(cell, gate, kind, state, bias=None):
    """Add a gate whose pre-activation is ``alpha a b + beta_x a + beta_h b + bias``.

    a is what the gate reads of x, b what it reads of the state.
    """
    a, b, mixed = f"{gate}_x", f"{gate}_h", f"{gate}_mixed"
    cell["gates"][a] = {"kind": "linear", "reads": {"x": "dense"}, "bias": False}
    cell["gates"][b] = {"kind": "linear", "reads": {state: "dense"}, "bias": False}
    alpha, beta_x, beta_h = (f"{gate}_{name}" for name in ("alpha", "beta_x", "beta_h"))
    cell["parameters"] |= dict.fromkeys((alpha, beta_x, beta_h), _ONES)
    cell["equations"][mixed] = f"{alpha} * {a} * {b} + {beta_x} * {a} + {beta_h} * {b}"
    cell["gates"][gate] = {"kind": kind, "reads": {mixed: "identity"}}
    if bias:
        cell["gates"][gate]["initializers"] = {"bias": {"kind": bias}}


def _empty(name):
    return {"name": name, "gates": {}, "parameters": {}, "equations": {}, "emits": "h"}


def mi_rnn():
    """Return the simple recurrent network with multiplicative integration.

    Reference: Wu et al., On Multiplicative Integration with Recurrent Neural Networks (2016),
    arXiv:1606.06630
    """
    cell = _empty("mi_rnn")
    _integrated(cell, "candidate", "candidate", "h_prev")
    cell["equations"]["h"] = "candidate"
    return cell


def mi_lstm():
    """Return the LSTM with multiplicative integration.

    Reference: Wu et al., On Multiplicative Integration with Recurrent Neural Networks (2016),
    arXiv:1606.06630
    """
    cell = _empty("mi_lstm")
    for kind in ("input", "forget", "output", "candidate"):
        _integrated(cell, kind, kind, "h_prev", "ones" if kind == "forget" else None)
    cell["equations"] |= {"c": "forget * c_prev + input * candidate", "h": "output * tanh(c)"}
    return cell


def mi_gru():
    """Return the GRU with multiplicative integration; its reset gate acts before the product.

    Reference: Wu et al., On Multiplicative Integration with Recurrent Neural Networks (2016),
    arXiv:1606.06630
    """
    cell = _empty("mi_gru")
    for kind in ("reset", "update"):
        _integrated(cell, kind, kind, "h_prev")
    _integrated(cell, "candidate", "candidate", "reset*h_prev")
    cell["equations"]["h"] = "update * h_prev + (1 - update) * candidate"
    cell["roles"] = {"forget": "update"}
    return cell


@hookimpl
def gatekit_cells():
    """Register the cells."""
    return {"mi_rnn": mi_rnn, "mi_lstm": mi_lstm, "mi_gru": mi_gru}
