"""Cells whose states are affine in their own past, as mappings of their equations; and some not."""

from __future__ import annotations

from typing import Any


def _linear(*names: str, bias: bool = True, reads: Any = ("x",)) -> dict[str, Any]:
    return {n: {"kind": "linear", "reads": list(reads), "bias": bias} for n in names}


def _sigmoid(*names: str, reads: Any = ("x",)) -> dict[str, Any]:
    return {n: {"kind": "sigmoid", "reads": list(reads)} for n in names}


def _affine() -> dict[str, dict[str, Any]]:
    shifted = ("x", "x_prev")
    return {
        "min_gru": {
            "gates": {**_sigmoid("z"), "g": {"activation": "positive(pre)", "reads": ["x"]}},
            "equations": {"h": "(1-z)*h_prev + z*g"},
            "emits": "h",
        },
        "min_lstm": {
            "gates": {**_sigmoid("f", "i"), "g": {"activation": "positive(pre)", "reads": ["x"]}},
            "equations": {"h": "(f*h_prev + i*g) / (f+i)"},
            "emits": "h",
        },
        "gilr": {
            "gates": {**_sigmoid("g"), "new": {"kind": "tanh", "reads": ["x"]}},
            "equations": {"h": "g*h_prev + (1-g)*new"},
            "emits": "h",
        },
        "rg_lru": {
            "parameters": {"decay": {"shape": "units", "init": 0.5}},
            "gates": {**_sigmoid("r", "i"), **_linear("v", bias=False)},
            "equations": {
                "log_a": "-8*r*softplus(decay)",
                "h": "exp(log_a)*h_prev + sqrt(1-exp(2*log_a))*(i*v)",
            },
            "emits": "h",
        },
        "t_gru": {
            "gates": {
                **_sigmoid("f", reads=shifted),
                **_linear("z", reads=shifted),
                "o": {"kind": "tanh", "reads": list(shifted)},
            },
            "equations": {"h": "f*h_prev + z*o"},
            "emits": "h",
        },
        "lru": {
            "parameters": {
                "nu": {"shape": "units", "init": 0.4},
                "theta": {"shape": "units", "init": 0.3},
            },
            "gates": _linear("b_re", "b_im", bias=False),
            "equations": {
                "size": "exp(-exp(nu))",
                "re": "size*cos(theta)*re_prev - size*sin(theta)*im_prev + b_re",
                "im": "size*sin(theta)*re_prev + size*cos(theta)*im_prev + b_im",
                "h": "re + 0.5*im",
            },
            "emits": "h",
        },
        # A gate's own state, linear in itself; the forget gate built on it; a cell state on that.
        "power_law_of_x": {
            "gates": {
                "forget": {"kind": "power_law", "reads": ["x"]},
                "new": {"kind": "tanh", "reads": ["x"]},
            },
            "equations": {"c": "forget*c_prev + (1-forget)*new"},
            "emits": "c",
        },
        # A gate's own state as wide as x is affine in itself, and solved before the cell's state.
        "owns_mean_of_x": {
            "gates": {
                "f": {
                    "activation": "sigmoid(pre / softplus(tau) + u)",
                    "reads": ["x"],
                    "projections": {
                        "tau": {"reads": ["(x - m_prev)**2"], "first_bias": 1},
                        "u": {"reads": ["x"]},
                    },
                    "states": {"m": {"width": "features", "update": "0.9*m_prev + 0.1*x"}},
                },
                **_linear("z"),
            },
            "equations": {"h": "f*h_prev + (1-f)*z"},
            "emits": "h",
        },
        # `stop` may contain what is known before a state is solved.
        "stops": {
            "gates": {
                **_sigmoid("f", reads=("x", "stop(low_prev)")),
                **_linear("z", reads=("x", "stop(x_prev)")),
            },
            "equations": {
                "low": "stop(z - mean(z)) * low_prev + z - stop(z) / 2",
                "h": "f*h_prev + stop(low)*z + low",
            },
            "emits": "h",
        },
        # The second state's gates read the first one, new and previous, through matrices.
        "chain": {
            "gates": {
                **_sigmoid("f", reads=("x",)),
                **_sigmoid("g", reads=("x", "low", "low_prev")),
                **_linear("z", reads=("x",)),
            },
            "equations": {"low": "f*low_prev + (1-f)*z", "h": "g*h_prev + (1-g)*tanh(low)"},
            "emits": "h",
        },
        # A linear gate that reads its state through a weight per unit.
        "diagonal": {
            "gates": {"new": {"kind": "linear", "reads": {"x": "dense", "h_prev": "diagonal"}}},
            "equations": {"h": "new"},
            "emits": "h",
        },
        # Two states, the second in the new value of the first, both in each other's past.
        "oscillator": {
            "constants": {"dt": 0.1},
            "gates": {"force": {"kind": "tanh", "reads": ["x"]}},
            "equations": {"v": "v_prev + dt*(force - h_prev - v_prev)", "h": "h_prev + dt*v"},
            "emits": "h",
        },
        # A matrix that decays by rows and gains outer products; its read-out is no state.
        "matrix": {
            "constants": {"heads": 2},
            "gates": {
                **_linear("query", "key", "value"),
                "decay": {"kind": "sigmoid", "reads": ["x"], "units": "heads"},
            },
            "equations": {
                "kept": "column(column(decay))*S_prev",
                "S": "kept + outer(split(key,heads), split(value,heads))",
                "h": "tanh(flat(matvec(S, split(query,heads))))",
            },
            "emits": "h",
        },
        # The first value is learned, the first state has zoneout.
        "noisy": {
            "gates": {**_sigmoid("f"), "g": {"kind": "tanh", "reads": ["x", "low"]}},
            "equations": {"low": "f*low_prev + (1-f)*sum(x)", "h": "f*h_prev + low*g"},
            "emits": "h",
            "zoneout": {"low": 0.5, "h": 0.1},
            "learned_initial_state": ["h"],
            "recurrent_dropout": 0.3,
            "dropout": 0.2,
        },
    }


AFFINE: dict[str, dict[str, Any]] = {n: {**c, "name": n} for n, c in _affine().items()}
