"""Cells with memories that are not in the zoo: of the form that chunks solve, and of others."""

from __future__ import annotations

from typing import Any

BUNDLED = (
    "comba",
    "delta_net",
    "gated_delta_net",
    "gated_delta_net_2",
    "gla",
    "hgrn2",
    "kda",
    "linear_attention",
    "mamba2",
    "mamba3",
    "mlstm",
    "preconditioned_kda",
    "rwkv6",
    "rwkv7",
    "xlstm_7b",
)
_K, _Q, _V = (f"split({name}, heads)" for name in ("key", "query", "value"))


def cell(name: str, *, gates: Any = None, constants: Any = None, **equations: str) -> Any:
    """Return a cell with heads, and linear gates query, key and value, as a mapping."""
    linear = {n: {"kind": "linear", "reads": ["x"]} for n in ("query", "key", "value")}
    return {
        "name": name,
        "constants": {"heads": 2, **(constants or {})},
        "gates": {**linear, **(gates or {})},
        "equations": equations,
        "emits": "h",
    }


def _gate(kind: str, *names: str, **options: Any) -> dict[str, Any]:
    return {name: {"kind": kind, "reads": ["x"], **options} for name in names}


READ = f"flat(vecmat({_Q}, S))"
GAIN = f"outer({_K}, {_V})"
OWN: dict[str, Any] = {
    made["name"]: made
    for made in (
        cell(
            "two_reads",
            gates=_gate("sigmoid", "rows"),
            S=f"column(split(rows, heads)) * S_prev + {GAIN}",
            h=f"{READ} + flat(vecmat({_K}, S_prev))",
        ),
        cell(
            "channel_delta",
            gates={**_gate("log_sigmoid", "decay"), **_gate("sigmoid", "beta", units="heads")},
            k=f"{_K} / sqrt(sum(square({_K})) + 0.001)",
            kept="column(exp(split(decay, heads))) * S_prev",
            old="vecmat(k, kept)",
            S=f"kept + outer(column(beta) * k, {_V} - old)",
            h=f"tanh({READ}) + flat(old)",
        ),
        # The other side is read, one factor is shared by all, and no state has heads.
        {
            **cell(
                "one_head",
                gates=_gate("sigmoid", "f", units=1),
                S="column(f) * S_prev + (1 - column(f)) * outer(key, value)",
                h="matvec(S, query)",
            ),
            "constants": {},
        },
        # Nothing decays: a memory, a count of each head, a signal by itself that is added up.
        cell(
            "undecayed",
            S=f"S_prev + {GAIN}",
            z="z_prev + square(key)",
            n="n_prev + 0.5",
            h=f"{READ} / (1 + z) + z_prev / n",
        ),
        # A constant decay, and two outer products in each step.
        cell(
            "two_terms",
            S=f"0.9 * S_prev + {GAIN} - 0.5 * column({_Q}) * row({_V}) / 2",
            h=READ,
        ),
        # Two outer products that are divided, by a row and by both sides.
        cell(
            "quotients",
            gates=_gate("sigmoid", "rows", "columns"),
            S=f"S_prev + {GAIN} * (column(1 + split(rows, heads)) / row(1 + split(columns, heads)))"
            f" + outer({_V}, {_K}) / (column(2 + split(columns, heads)) * row(3 + "
            "split(rows, heads)))",
            h=READ,
        ),
        # A factor of the decay is narrower than the vector that is cut into heads, or repeated.
        cell(
            "narrow_factors",
            gates={**_gate("sigmoid", "f"), **_gate("sigmoid", "one", units=1)}
            | _gate("sigmoid", "half", units="units // 2"),
            S=f"column(split(f * one * repeat(half * one, 2), heads)) * S_prev + {GAIN}",
            h=READ,
        ),
        # `stop` in a decay, a key, a value, a read; the logarithm of a decay is stopped, too.
        cell(
            "stops",
            gates=_gate("sigmoid", "f", "g"),
            S=f"column(split(stop(f) * (1 - stop(g)), heads)) * S_prev + outer(stop({_K}), {_V})",
            h=f"{READ} * stop(query) + stop(flat(vecmat({_K} - stop({_Q}), S_prev)))",
        ),
        # The logarithm of a sum that is never below a constant.
        cell(
            "floored",
            gates=_gate("sigmoid", "f"),
            S=f"column(0.1 + 0.9 * split(f, heads)) * S_prev + {GAIN}",
            h=READ,
        ),
        # The decay is a gate with a state and projections.
        cell(
            "owns_mean",
            gates={
                "f": {
                    "activation": "sigmoid(pre + u)",
                    "reads": ["x"],
                    "projections": {
                        "u": {"reads": ["x - m_prev", "tanh(w)"]},
                        "w": {"reads": ["x"]},
                    },
                    "states": {"m": {"width": "features", "update": "0.9*m_prev + 0.1*x"}},
                }
            },
            S=f"column(split(f, heads)) * S_prev + {GAIN}",
            h=READ,
        ),
    )
}
_DECAYED = "column({}) * S_prev + " + GAIN
REFUSED: dict[str, tuple[Any, str]] = {
    "owns_nonlinear": (
        cell(
            "owns_nonlinear",
            gates={
                "f": {
                    "activation": "sigmoid(pre + k_prev)",
                    "reads": ["x"],
                    "states": {"k": {"update": "tanh(k_prev + pre)"}},
                }
            },
            S=_DECAYED.format("split(f, heads)"),
            h=READ,
        ),
        "f.k needs f.k_prev within tanh(...)",
    ),
    "owns_what_reads_the_past": (
        cell(
            "owns_what_reads_the_past",
            gates={
                "f": {
                    "activation": "sigmoid(pre + u)",
                    "reads": ["x"],
                    "projections": {"u": {"reads": ["h_prev"]}},
                }
            },
            S=_DECAYED.format("split(f, heads)"),
            h=READ,
        ),
        "f.u needs h_prev",
    ),
    "inside": (
        cell("inside", S=f"S_prev + {GAIN}", h=f"flat(vecmat({_Q}, tanh(S)))"),
        "h needs S within tanh(...)",
    ),
    "between_corrections": (
        cell(
            "between_corrections",
            first=f"S_prev + outer({_K}, {_V} - vecmat({_K}, S_prev))",
            S=f"first + outer({_Q}, {_V} - vecmat({_Q}, first))",
            h=READ,
        ),
        "S reads S between its corrections",
    ),
    "decay_of_values": (
        cell(
            "decay_of_values",
            gates=_gate("sigmoid", "rows", "columns"),
            S=f"column(split(rows, heads)) * row(split(columns, heads)) * S_prev + {GAIN}",
            h=READ,
        ),
        "S has a decay for each of its values, not for each of its keys",
    ),
    "negative_constant": (
        cell("negative_constant", S=f"-0.9 * S_prev + {GAIN}", h=READ),
        "may be zero or negative",
    ),
    "turning": (
        cell(
            "turning",
            gates=_gate("tanh", "angle"),
            re=f"column(split(cos(angle), heads)) * re_prev "
            f"- column(split(sin(angle), heads)) * im_prev + {GAIN}",
            im="column(split(sin(angle), heads)) * re_prev "
            "+ column(split(cos(angle), heads)) * im_prev",
            h=f"flat(vecmat({_Q}, re) + vecmat({_K}, im_prev))",
        ),
        "re adds im to re",
    ),
    "by_element": (
        cell(
            "by_element",
            S=f"exp(column({_K}) * row({_V})) * S_prev + {GAIN}",
            h=READ,
        ),
        "S multiplies each element of a memory by a separate factor",
    ),
    "negative": (
        cell("negative", gates=_gate("tanh", "f"), S=_DECAYED.format("split(f, heads)"), h=READ),
        "may be zero or negative",
    ),
    "negative_and_read_from_the_other_side": (
        cell(
            "negative_and_read_from_the_other_side",
            gates=_gate("tanh", "f"),
            S=f"row(split(f, heads)) * S_prev + {GAIN}",
            h=f"flat(matvec(S, {_Q}))",
        ),
        "may be zero or negative",
    ),
    "flattened": (
        cell(
            "flattened",
            gates={**_gate("sigmoid", "f", units=2), **_gate("sigmoid", "g", units="units // 2")},
            S=_DECAYED.format("split(flat(outer(f, g)), heads)"),
            h=READ,
        ),
        "repeats column(log_sigmoid(f:pre)) along one of the axes",
    ),
    "strength_by_column": (
        cell(
            "strength_by_column",
            gates=_gate("sigmoid", "f"),
            S=f"S_prev + outer({_K}, {_V} - split(f, heads) * vecmat({_K}, S_prev))",
            h=READ,
        ),
        "S corrects each column with a separate strength",
    ),
    "nonlinear_write": (
        cell(
            "nonlinear_write", S=f"S_prev + outer({_K}, tanh({_V} - vecmat({_K}, S_prev)))", h=READ
        ),
        "S writes a value that is not linear in the content of the memory",
    ),
    "stopped": (
        cell("stopped", S=f"stop(S_prev) + {GAIN}", h=READ),
        "S needs S within stop(...)",
    ),
    "stopped_write": (
        cell("stopped_write", S=f"S_prev + outer({_K}, {_V} - stop(vecmat({_K}, S_prev)))", h=READ),
        "S writes a value that is not linear in the content of the memory",
    ),
    "query_of_memory": (
        cell("query_of_memory", S=f"S_prev + {GAIN}", h=f"flat(vecmat(vecmat({_Q}, S), S))"),
        "h reads S with a vector that depends on it",
    ),
    "both_sides": (
        cell("both_sides", S=f"S_prev + {GAIN}", h=f"{READ} + flat(matvec(S, {_V}))"),
        "reads S with matvec; chunks need the same function, vecmat or matvec, for all reads of a",
    ),
    "gates_read_the_past": (
        cell(
            "gates_read_the_past",
            gates={"key": {"kind": "linear", "reads": ["x", "h_prev"]}},
            S=f"S_prev + {GAIN}",
            h=READ,
        ),
        "needs h_prev",
    ),
    "zoneout": (
        {**cell("zoneout", S=f"S_prev + {GAIN}", h=READ), "zoneout": {"S": 0.1}},
        "S has zoneout",
    ),
    "dense": (
        cell("dense", S=f"S_prev + square({GAIN})", h=READ),
        "S multiplies each element of a memory by a separate factor, square(outer(",
    ),
}
