"""The cells that executors are tested on: every bundled one, and ones that bend the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import seams
from seams import BuiltCell as Cell
from seams import CellSpec, read_cell
from structure import representatives

from gatekit.registry import catalogue, cell_names, load_cell

BUNDLED = tuple(cell_names())
# The cells that between them have everything the language can say: every option meets each of
# them. The rest of the zoo meets every option too, but not in every test.
CORE = (
    "cifg",
    "gru",
    "gru_reset_after",
    "janet",
    "lstm",
    "mgu",
    "mingru",
    "on_lstm",
    "peephole",
    "rhn",
    "rnn",
    "slstm",
    "tutorial",
    "ur_lstm",
)
ZOO = tuple(name for name in BUNDLED if name not in CORE)
LSTM_GATES = ("input", "forget", "output", "candidate")


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return two mappings merged key by key; reads and initializers are replaced as a whole."""
    out, whole = dict(base), ("reads", "initializers")
    for key, value in over.items():
        old = out.get(key)
        both = isinstance(value, Mapping) and isinstance(old, Mapping) and key not in whole
        out[key] = merged(old, value) if both else value
    return out


def canonical(name: str) -> dict[str, Any]:
    """Return a bundled cell as plain data."""
    return load_cell(name, catalogue()).canonical()


def lstm_with(**changes: Any) -> dict[str, Any]:
    """Return the LSTM's mapping with changes."""
    return merged(canonical("lstm"), changes)


def _odd() -> dict[str, dict[str, Any]]:
    reads = {"x": "dense", "h_prev": "dense"}
    peephole = {**reads, "c_prev": "diagonal"}

    def normed(of: str) -> dict[str, Any]:
        return {g: {"norm": {"of": of, "group": list(LSTM_GATES)}} for g in LSTM_GATES}

    def own(of: str, **more: Any) -> dict[str, Any]:
        forget = {"norm": {"of": of}, **more}
        return {"forget": forget, "input": {"reads": peephole, "norm": {"of": of}}}

    gru = canonical("gru")
    gru_norm = {"of": "read", "group": ["reset", "update", "candidate"]}
    scaled = {
        "parameters": {
            "alpha": {"shape": "scalar", "init": 0.5, "map": "sigmoid"},
            "beta": {"shape": "units", "init": 0.1},
        },
        "inputs": {"dt": 1},
        "gates": {"new": {"kind": "tanh", "reads": ["x", "beta*h_prev"]}},
        "equations": {"h": "alpha*dt*new + (1-alpha)*h_prev*tanh(beta)"},
        "emits": "h",
    }
    maps = {
        "forget": {"reads": {"x": "dense", "h_prev": "skew"}},
        "input": {"reads": {"x": "low_rank", "h_prev": {"kind": "block", "blocks": 2}}},
        "output": {"reads": {"x": "dense", "h_prev": "low_rank", "x_prev": "dense"}},
        "candidate": {"reads": {"x": "dense", "h_prev": "frozen", "c_prev": "dense"}},
    }
    shared = {"norm": {"of": "read", "group": ["forget", "input"]}}
    unlike = {
        "forget": {"reads": {"x": "dense", "h_prev": "diagonal"}, **shared},
        "input": shared,
    }
    two_levels = {"output": {"reads": {"h_prev": "dense", "forget*h_prev": "dense", "c": "dense"}}}
    full_gate = {
        "forget": {"reads": ["x", "h_prev", "forget_prev", "output_prev"]},
        "input": {"reads": {"x": "dense", "forget": "dense"}},
    }
    # Gates that own states of other widths, and linear maps beside their own.
    mean_of_x = {"m": {"width": "features", "update": "0.9*m_prev + 0.1*x"}}
    temperature = {
        "kind": None,
        "activation": "sigmoid(pre / softplus(tau))",
        "projections": {"tau": {"reads": ["(x - m_prev)**2"], "first_bias": 1}},
        "states": mean_of_x,
    }
    several = {
        "kind": None,
        "activation": "sigmoid(pre + u / (1 + softplus(tau)) + mean(narrow) + s_prev)",
        "projections": {
            "tau": {"reads": ["(x - m_prev)**2 / (1 + v_prev**2)"], "norm": {"of": "sum"}},
            "narrow": {"reads": ["x", "h_prev"], "width": 3, "norm": {"of": "read"}},
            "k": {"reads": {"x": "diagonal"}, "width": "features", "bias": False},
            "u": {"reads": ["k*x"]},
        },
        "states": {
            **mean_of_x,
            "v": {
                "width": "features",
                "first": 1,
                "learned": True,
                "update": "0.9*v_prev + 0.1*(x - m_prev)**2",
            },
            "s": {"width": 1, "first": 0.5, "update": "0.5*s_prev + 0.1*mean(pre)"},
        },
    }
    stacked = {
        "kind": None,
        "activation": "sigmoid(pre + logit)",
        "projections": {
            "hidden": {"reads": ["x", "reset*h_prev"], "width": 5},
            "logit": {"reads": {"tanh(hidden)": "low_rank"}},
        },
    }
    return {
        "owns_temperature": lstm_with(gates={"forget": temperature}),
        "owns_several": lstm_with(gates={"forget": several, "input": temperature}),
        "owns_layers": merged(gru, {"gates": {"update": stacked}}),
        "zoneout": lstm_with(zoneout={"c": 0.5, "h": 0.1}),
        "power_law": lstm_with(gates={"forget": {"kind": "power_law"}}),
        "norm_read_group": lstm_with(
            gates=normed("read"), norms={"c_out": "c"}, equations={"h": "output*tanh(c_out)"}
        ),
        "norm_read_own": lstm_with(gates=own("read")),
        "norm_sum_group": lstm_with(gates=normed("sum")),
        "norm_sum_own": lstm_with(gates=own("sum", bias=False)),
        "norm_of_unlike_reads": {
            **canonical("gru_reset_after"),
            "gates": {
                name: {**gate, "norm": {"of": "sum", "group": ["recurrent", "candidate"]}}
                if name in ("recurrent", "candidate")
                else gate
                for name, gate in canonical("gru_reset_after")["gates"].items()
            },
        },
        "norm_of_unlike_maps": lstm_with(gates=unlike),
        "maps": lstm_with(gates=maps),
        "two_levels": lstm_with(gates=merged(two_levels, {"output": {"bias": False}})),
        "peephole_without_bias": lstm_with(
            gates={"output": {"reads": {"h_prev": "dense", "c": "diagonal"}, "bias": False}}
        ),
        "ind_rnn": {
            "gates": {"new": {"kind": "relu", "reads": {"x": "dense", "h_prev": "diagonal"}}},
            "equations": {"h": "new"},
            "emits": "h",
        },
        "parameters": scaled,
        "full_gate": lstm_with(gates=full_gate),
        "norm_gru": merged(gru, {"gates": {g: {"norm": gru_norm} for g in gru["gates"]}}),
        "emits_gate": lstm_with(
            gates={"output": {"reads": ["x", "h_prev", "c_prev"]}},
            equations={"h": "tanh(c)"},
            emits="output",
        ),
        "raw_input": {
            "gates": {"keep": {"kind": "sigmoid", "reads": {"x": "dense", "h_prev": "dense"}}},
            "equations": {"h": "keep*h_prev + (1-keep)*sum(x*x_prev)"},
            "emits": "h",
        },
        # No gradient passes `stop`: in an equation, a gate, a read, and all the way to one gate.
        "stops": {
            "gates": {
                "keep": {"activation": "sigmoid(pre - stop(mean(pre)))", "reads": ["x", "h_prev"]},
                "write": {"kind": "tanh", "reads": ["stop(h_prev)", "x - stop(x_prev)", "s_prev"]},
                "cut": {"kind": "sigmoid", "reads": ["x"]},
            },
            "equations": {
                "s": "s_prev + stop(cut) * (write - stop(s_prev)) / 2",
                "h": "keep*h_prev + (write - stop(write) + stop(s_prev)) * s",
            },
            "emits": "h",
        },
        # A gate of inputs only is a state, and shares its statistics with one that is none.
        "norm_sum_beside_a_hoisted_gate": {
            "gates": {
                name: {"kind": "sigmoid", "reads": ["x"], "norm": {"of": "sum", "group": [other]}}
                for name, other in (("keep", "write"), ("write", "keep"))
            },
            "equations": {"h": "keep*h_prev + write_prev*tanh(write)"},
            "emits": "h",
        },
        # A matrix of inputs is a state, and another state is that matrix a step later.
        "matrix_of_inputs": {
            "gates": {"key": {"kind": "linear", "reads": ["x"]}},
            "equations": {
                "now": "outer(key, t * key)",
                "before": "now_prev",
                "h": "matvec(now, key) + matvec(before_prev, key)",
            },
            "emits": "h",
        },
    }


ODD: dict[str, dict[str, Any]] = {name: {**c, "name": name} for name, c in _odd().items()}


def spec(cell: str | Mapping[str, Any]) -> CellSpec:
    """Return the specification of a bundled cell's name, an odd one's, or a mapping."""
    if isinstance(cell, str):
        return read_cell(ODD[cell], catalogue()) if cell in ODD else load_cell(cell, catalogue())
    return read_cell({"name": "under_test", **cell}, catalogue())


def built(
    cell: str | Mapping[str, Any], units: int = 8, features: int = 3, output: str = "hidden"
) -> Cell:
    """Return a cell with small sizes."""
    given = ODD.get(cell, cell) if isinstance(cell, str) else {"name": "under_test", **cell}
    return seams.cell(given, units, features, output)


# Every structure occurs in some of them: what costs seconds for each cell runs on these.
VARIED = representatives([*CORE, *BUNDLED, *ODD], built)
