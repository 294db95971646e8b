"""The recurrent highway network: a cell whose depth within a step is an option."""

from gatekit import MAX_EQUATIONS, GatekitError, hookimpl


def rhn(depth=3, transform_bias=-2.0, coupled=True):
    """Return the cell of a recurrent highway network.

    ``s_0 = h_prev``; ``s_l = candidate_l * transform_l + s_{l-1} * carry_l`` for l = 1 to depth;
    ``h = s_depth``. All gates of layer l read ``s_{l-1}``; those of the first read x as well.

    Args:
        depth: highway layers within a step, from 1.
        transform_bias: initial bias of the transform gates; below 0, a fresh cell carries more
            than it transforms.
        coupled: whether ``carry_l = 1 - transform_l``, instead of a gate of its own.

    Reference: Zilly et al., Recurrent Highway Networks (2017), arXiv:1607.03474
    """
    if type(depth) is not int or not 1 <= depth <= MAX_EQUATIONS:
        raise GatekitError(
            f"cell.depth={depth!r} should be an integer from 1 to {MAX_EQUATIONS}; "
            f"type cell.depth=3"
        )
    if type(coupled) is not bool:
        raise GatekitError(f"cell.coupled={coupled!r} should be true or false")
    bias = {"kind": "constant", "value": transform_bias}
    gates, equations = {}, {}
    below = "h_prev"
    for layer in range(1, depth + 1):
        reads = {"x": "dense", below: "dense"} if layer == 1 else {below: "dense"}
        candidate, transform = f"candidate_{layer}", f"transform_{layer}"
        gates[candidate] = {"kind": "candidate", "reads": reads}
        gates[transform] = {"kind": "sigmoid", "reads": reads, "initializers": {"bias": bias}}
        carry = f"(1 - {transform})" if coupled else f"carry_{layer}"
        if not coupled:
            gates[carry] = {"kind": "sigmoid", "reads": reads}
        above = "h" if layer == depth else f"s_{layer}"
        equations[above] = f"{candidate} * {transform} + {below} * {carry}"
        below = above
    return {"name": "rhn", "gates": gates, "equations": equations, "emits": "h"}


@hookimpl
def gatekit_cells():
    """Register the cell."""
    return {"rhn": rhn}
