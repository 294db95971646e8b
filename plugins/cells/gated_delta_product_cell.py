"""Gated DeltaProduct: a cell whose number of corrections within a step is an option."""

from gatekit import MAX_EQUATIONS, GatekitError, hookimpl


def gated_delta_product(heads=4, steps=2):
    """Return the cell of a gated DeltaProduct.

    ``S_0 = exp(-rate step) S_prev``, where step is a gate with a softplus;
    ``S_i = S_{i-1} + beta_i k_i (v_i - S_{i-1}^T k_i)^T`` for i = 1 to steps;
    ``h = S_steps^T q / sqrt(d)``; in each head of width d, with keys and queries of unit length.

    Args:
        heads: memories side by side, from 1; they divide the units.
        steps: corrections within a step, from 1.

    Reference: Siems et al., DeltaProduct (2025), arXiv:2502.10297
    """
    for name, value, most in (("heads", heads, 2**16), ("steps", steps, MAX_EQUATIONS)):
        if type(value) is not int or not 1 <= value <= most:
            raise GatekitError(f"cell.{name}={value!r} should be an integer from 1 to {most}")
    silu = {"activation": "silu(pre)", "reads": ["x"], "bias": False}
    beta = {"activation": "2 * sigmoid(pre)", "reads": ["x"], "bias": False, "units": "heads"}
    gates = {
        "query": silu,
        "step": {
            "activation": "softplus(pre)",
            "reads": ["x"],
            "units": "heads",
            "initializers": {"bias": {"kind": "time_step"}},
        },
    }
    equations = {"q": _unit("query"), "kept": "column(column(exp(-rate * step))) * S_prev"}
    below = "kept"
    for i in range(1, steps + 1):
        gates |= {f"key_{i}": silu, f"value_{i}": silu, f"beta_{i}": beta}
        above = "S" if i == steps else f"S_{i}"
        error = f"split(value_{i}, heads) - vecmat(k_{i}, {below})"
        equations[f"k_{i}"] = _unit(f"key_{i}")
        equations[above] = f"{below} + outer(column(beta_{i}) * k_{i}, {error})"
        below = above
    equations["h"] = "flat(vecmat(q, S)) / sqrt(units / heads)"
    return {
        "name": "gated_delta_product",
        "constants": {"heads": heads, "eps": 1e-6},
        "parameters": {
            "rate": {
                "shape": "heads",
                "init": {"kind": "log_uniform", "high": 16.0},
                "map": "exp",
            }
        },
        "gates": gates,
        "equations": equations,
        "emits": "h",
    }


def _unit(name):
    return f"split({name}, heads) / sqrt(sum(square(split({name}, heads))) + eps)"


@hookimpl
def gatekit_cells():
    """Register the cell."""
    return {"gated_delta_product": gated_delta_product}
