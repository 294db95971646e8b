"""The liquid time-constant network: a cell that solves a differential equation within a step."""

from gatekit import MAX_EQUATIONS, GatekitError, hookimpl


def _between(low, high):
    return {"kind": "uniform", "low": low, "high": high}


def _synapses(prefix, width):
    size = f"units * {width}"
    return {
        f"{prefix}w": {"shape": size, "init": _between(0.001, 1.0), "map": "softplus"},
        f"{prefix}sigma": {"shape": size, "init": _between(3.0, 8.0)},
        f"{prefix}mu": {"shape": size, "init": _between(0.3, 0.8)},
        f"{prefix}reversal": {"shape": size, "init": {"kind": "polarity"}},
    }


def ltc(unfolds=6, elapsed=1.0):
    """Return the cell of a liquid time-constant network, all of whose neurons are wired.

    ``g_ij = w_ij sigmoid(sigma_ij (v_j - mu_ij))``, from neuron j to neuron i, and the same from
    the inputs; with reversal potentials e_ij, a step of the solver is
    ``v' = (C v + g_l v_l + sum_j g_ij e_ij) / (C + g_l + sum_j g_ij + 1e-8)``,
    ``C = c unfolds / elapsed``.

    Args:
        unfolds: steps of the solver within a step, from 1.
        elapsed: the time between steps, above 0.

    Reference: Hasani et al., Liquid Time-constant Networks (2021), arXiv:2006.04439
    """
    if type(unfolds) is not int or not 1 <= unfolds <= MAX_EQUATIONS:
        raise GatekitError(
            f"cell.unfolds={unfolds!r} should be an integer from 1 to {MAX_EQUATIONS}; type 6"
        )
    if isinstance(elapsed, bool) or not isinstance(elapsed, (int, float)) or not elapsed > 0:
        raise GatekitError(f"cell.elapsed={elapsed!r} should be a number above 0; type 1.0")
    equations = {
        "seen": "input_scale * x + input_offset",
        "sensory": "split(sensory_w, units) * "
        "sigmoid(split(sensory_sigma, units) * (row(seen) - split(sensory_mu, units)))",
        "drive": "flat(sum(split(sensory_reversal, units) * sensory))",
        "load": "flat(sum(sensory))",
        "capacity": "membrane * solver_rate",
    }
    below = "v_prev"
    for step in range(1, unfolds + 1):
        above = "v" if step == unfolds else f"v_{step}"
        synapse = f"synapse_{step}"
        equations[synapse] = (
            f"split(w, units) * sigmoid(split(sigma, units) * (row({below}) - split(mu, units)))"
        )
        equations[above] = (
            f"(capacity * {below} + leak * rest + flat(sum(split(reversal, units) * {synapse}))"
            f" + drive) / (capacity + leak + flat(sum({synapse})) + load + 1e-8)"
        )
        below = above
    equations["out"] = "output_scale * v + output_offset"
    parameters = {
        "membrane": {"init": _between(0.4, 0.6), "map": "softplus"},
        "leak": {"init": _between(0.001, 1.0), "map": "softplus"},
        "rest": {"init": _between(-0.2, 0.2)},
        **_synapses("", "units"),
        **_synapses("sensory_", "features"),
        "input_scale": {"shape": "features", "init": 1.0},
        "input_offset": {"shape": "features", "init": 0.0},
        "output_scale": {"init": 1.0},
        "output_offset": {"init": 0.0},
    }
    return {
        "name": "ltc",
        "parameters": {name: {"shape": "units", **own} for name, own in parameters.items()},
        "constants": {"solver_rate": unfolds / elapsed},
        "equations": equations,
        "emits": "out",
    }


@hookimpl
def gatekit_cells():
    """Register the cell."""
    return {"ltc": ltc}
