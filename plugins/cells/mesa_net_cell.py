"""MesaNet: a cell that solves a regularised regression in each step, by conjugate gradients."""

from gatekit import MAX_EQUATIONS, GatekitError, hookimpl


def mesa_net(heads=4, steps=4):
    """Return the cell of a MesaNet with a fixed number of solver steps.

    ``H = f H_prev + b k k^T``; ``G = f G_prev + b k v^T``; ``h = G^T (H + diag(lambda))^-1 q``,
    where the inverse is approximated by conjugate gradients from 0; in each head, with keys and
    queries of unit length.

    Args:
        heads: memories side by side, from 1; they divide the units.
        steps: steps of the solver, from 1; with as many as a head has units, the solution is exact.

    Reference: von Oswald et al., MesaNet (2025), arXiv:2506.05233
    """
    for name, value, most in (("heads", heads, 2**16), ("steps", steps, MAX_EQUATIONS)):
        if type(value) is not int or not 1 <= value <= most:
            raise GatekitError(f"cell.{name}={value!r} should be an integer from 1 to {most}")
    silu = {"activation": "silu(pre)", "reads": ["x"], "bias": False}
    per_head = {"kind": "sigmoid", "reads": ["x"], "units": "heads"}
    kept, written = "column(column(forget))", "column(column(beta))"
    equations = {
        "q": _unit("query"),
        "k": _unit("key"),
        "ridge": "split(slack, heads) + 0.25",
        "H": f"{kept} * H_prev + {written} * outer(k, k)",
        "G": f"{kept} * G_prev + {written} * outer(k, split(value, heads))",
        "rr_0": "dot(q, q)",
    }
    x, r, p = None, "q", "q"
    for i in range(1, steps + 1):
        equations |= {
            f"Hp_{i}": f"matvec(H, {p}) + ridge * {p}",
            f"a_{i}": f"rr_{i - 1} / (dot({p}, Hp_{i}) + tiny)",
            f"x_{i}": f"a_{i} * {p}" if x is None else f"{x} + a_{i} * {p}",
        }
        x = f"x_{i}"
        if i < steps:
            equations |= {
                f"r_{i}": f"{r} - a_{i} * Hp_{i}",
                f"rr_{i}": f"dot(r_{i}, r_{i})",
                f"p_{i}": f"r_{i} + rr_{i} / (rr_{i - 1} + tiny) * {p}",
            }
            r, p = f"r_{i}", f"p_{i}"
    equations["h"] = f"flat(vecmat({x}, G))"
    return {
        "name": "mesa_net",
        "constants": {"heads": heads, "eps": 1e-6, "tiny": 1e-5},
        "parameters": {"slack": {"shape": "units", "init": 0.75, "map": "softplus"}},
        "gates": {
            "query": silu,
            "key": silu,
            "value": {"kind": "linear", "reads": ["x"], "bias": False},
            "forget": per_head,
            "beta": per_head,
        },
        "equations": equations,
        "emits": "h",
    }


def _unit(name):
    return f"split({name}, heads) / sqrt(sum(square(split({name}, heads))) + eps)"


@hookimpl
def gatekit_cells():
    """Register the cell."""
    return {"mesa_net": mesa_net}
