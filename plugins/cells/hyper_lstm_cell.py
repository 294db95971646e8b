"""The HyperLSTM: a small LSTM scales and shifts what a larger one reads."""

from gatekit import hookimpl

_GATES = ("input", "forget", "output", "candidate")
_EPSILON = 1e-3
_NORM = {"of": "sum", "epsilon": _EPSILON}


def _linear(reads, units, bias=False, kernel=None, first_bias=None):
    """Return a linear gate; ``kernel`` initialises its matrix, whether it reads x or a state."""
    initializers = {} if kernel is None else {"kernel": kernel, "recurrent": kernel}
    if first_bias is not None:
        initializers["bias"] = {"kind": "constant", "value": first_bias}
    read = {reads: "dense"}
    gate = {"kind": "linear", "reads": read, "units": units, "bias": bias}
    return {**gate, "initializers": initializers} if initializers else gate


def hyper_lstm(embedding=4):
    """Return the LSTM whose reads are scaled and shifted by the output of a small LSTM.

    The small LSTM reads x and h_prev. For each gate k of the large one, with vectors
    ``z = Z small_h + b``, ``embedding`` wide (``z_b`` has no b):

    ``k_sum = (A_k z_x) (W_k x) + (B_k z_h) (U_k h_prev) + C_k z_b + d_k``

    Both LSTMs are layer-normalised: each gate by itself, and each memory before its output tanh.

    Args:
        embedding: the width of the vectors z.

    Reference: Ha, Dai & Le, HyperNetworks (2017), arXiv:1609.09106
    """
    zeros, small = {"kind": "zeros"}, {"kind": "normal", "stddev": 0.01}
    scale = {"kind": "constant", "value": 0.1 / embedding}
    gates, equations, parameters = {}, {}, {}
    for kind in _GATES:
        bias = {"kind": "ones"} if kind == "forget" else zeros
        gates[f"small_{kind}"] = {
            "kind": kind,
            "reads": {"x": "dense", "h_prev": "dense", "small_h_prev": "dense"},
            "units": "small",
            "norm": _NORM,
            "initializers": {"bias": bias},
        }
        read = {"reads": {f"{kind}_sum": "identity"}}
        gates[kind] = {"kind": kind, **read, "norm": _NORM, "initializers": {"bias": bias}}
        gates[f"{kind}_x"] = _linear("x", "units")
        gates[f"{kind}_h"] = _linear("h_prev", "units")
        for of in ("x", "h"):
            gates[f"{kind}_z{of}"] = _linear("small_h", embedding, True, zeros, 1.0)
            gates[f"{kind}_scale_{of}"] = _linear(f"{kind}_z{of}", "units", kernel=scale)
        gates[f"{kind}_zb"] = _linear("small_h", embedding, kernel=small)
        gates[f"{kind}_shift"] = _linear(f"{kind}_zb", "units", kernel=zeros)
        parameters[f"{kind}_offset"] = {"shape": "units", "init": 0.0}
        equations[f"{kind}_sum"] = (
            f"{kind}_scale_x * {kind}_x + {kind}_scale_h * {kind}_h + {kind}_shift + {kind}_offset"
        )
    equations |= {
        "small_c": "small_forget * small_c_prev + small_input * small_candidate",
        "small_h": "small_output * tanh(small_shown)",
        "c": "forget * c_prev + input * candidate",
        "h": "output * tanh(shown)",
    }
    return {
        "name": "hyper_lstm",
        "constants": {"small": 64},
        "gates": gates,
        "parameters": parameters,
        "norms": {
            "small_shown": {"of": "small_c", "epsilon": _EPSILON},
            "shown": {"of": "c", "epsilon": _EPSILON},
        },
        "equations": equations,
        "emits": "h",
    }


@hookimpl
def gatekit_cells():
    """Register the cell."""
    return {"hyper_lstm": hyper_lstm}
