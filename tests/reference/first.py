"""The initial values of each certified cell's weights, with where each comes from.

``FIRST[cell]`` maps a weight, a pattern of weights (``*.bias``) or a state to its law. Others
follow `usual`: matrices that read no state are Glorot uniform (Glorot & Bengio 2010), matrices
that read one are orthogonal (Saxe et al. 2014), biases are 0, norms scale by 1 and shift by 0,
states start at 0. A parameter has no usual law: each must be named.

The laws of the cells that came with this table, of ``multiplicative_lstm``, ``phased_lstm``,
``s4d`` and ``s5`` were read in the code that they name. Those of older cells name the sources that
the cells' notes name, and were not looked up again: they guard today's values against changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

import numpy as np
from scipy import stats

from .functions import Array, softplus
from .laws import (
    Law,
    array,
    constant,
    distributed,
    glorot,
    identity,
    log_uniform,
    negative,
    normal,
    one_over_root_units,
    orthogonal,
    reservoir,
    signs,
    through,
    uniform,
    uniform_gate,
)

Table = Mapping[str, Law]
PEEPHOLE = one_over_root_units()
OPEN: Table = {"forget.bias": constant(1).by("Jozefowicz et al. 2015")}
OPEN_PEEPHOLES: Table = {
    **OPEN,
    "input.c_prev": PEEPHOLE,
    "forget.c_prev": PEEPHOLE,
    "output.c": PEEPHOLE,
}
STEP = through(
    softplus, "its softplus is uniform in logarithms from 0.001 to 0.1", log_uniform(0.001, 0.1)
)
COUPLED: Table = {"forget.bias": constant(0).by("the authors' code, gate without U")}
ESN: Table = {
    "drive.x": uniform(-0.5, 0.5).fixed().by("minimalESN (Lukosevicius)"),
    "drive.h_prev": reservoir(0.9, 0.1).fixed().by("Jaeger 2001: a radius below 1"),
    "offset": uniform(-0.5, 0.5).fixed().by("minimalESN (Lukosevicius)"),
}
GATED_DELTA: Table = {
    "rate": uniform(0, 16).by("the authors' code"),
    "step.bias": STEP.by("the authors' code"),
}
MIXED: Table = {
    "*_alpha": constant(1).by("libraries"),
    "*_beta_x": constant(1).by("libraries"),
    "*_beta_h": constant(1).by("libraries"),
}
MGU: Table = {"forget.bias": constant(1).by("implementations, not the paper")}
KIMI: Table = {
    "rate": uniform(1, 16).by("flash-linear-attention"),
    "step.bias": STEP.by("flash-linear-attention"),
}
SMALL = normal(0.1).by("EdgeML")


def _ramp(shape: tuple[int, ...], units: int) -> Array:
    return np.tile(np.arange(1.0, shape[0] // units + 1), units)


def _identities(shape: tuple[int, ...], units: int) -> Array:
    width = shape[0] // units
    return np.tile(np.eye(width).reshape(-1), units // width)


def _retention(shape: tuple[int, ...], units: int) -> Array:
    return np.array([1 - 1 / 2 ** (5 + head) for head in range(shape[0])])


def _rotary(shape: tuple[int, ...], units: int) -> Array:
    pairs = shape[0]
    return np.array([10000.0 ** -(i / max(pairs - 1, 1)) for i in range(pairs)])


def _legendre(shape: tuple[int, ...], units: int) -> Array:
    """The delay of 100 steps, by the series of the matrix exponential of [[A, B], [0, 0]]."""
    order = shape[1]
    system = np.zeros((order + 1, order + 1))
    for i in range(order):
        for j in range(order):
            system[i, j] = (2 * i + 1) * (-1.0 if i < j else (-1.0) ** (i - j + 1)) / 100
        system[i, order] = (2 * i + 1) * (-1.0) ** i / 100
    held, term = np.eye(order + 1), np.eye(order + 1)
    for k in range(1, 60):
        term = term @ system / k
        held = held + term
    return held[:order, :order].T if shape[0] == order else held[:order, order:].T


def _shift(power: float) -> Law:
    """The author's ratios of the first of several layers."""

    def shares(shape: tuple[int, ...], units: int) -> Array:
        return np.array([1 - (i / shape[0]) ** power for i in range(shape[0])])

    return array(f"1 - (i/m)^{power:g}", shares).by("the author's code, first layer")


def _zigzag(units: int, heads: int = 4) -> Array:
    """From -1 to 1 within each head, times its modulus."""
    width = units // heads
    z = np.array([(n % width - (width - 1) / 2) / ((width - 1) / 2) for n in range(units)])
    return np.asarray(z * abs(z))


def _decay_of_rwkv7(shape: tuple[int, ...], units: int) -> Array:
    rise = np.array([-6 + 6 * n / (units - 1) for n in range(units)])
    return np.asarray(rise + 0.5 + 2.5 * _zigzag(units))


def _rate_of_rwkv7(shape: tuple[int, ...], units: int) -> Array:
    line = np.array([n / (units - 1) - 0.5 for n in range(units)])
    return np.asarray(-0.19 + 0.3 * _zigzag(units) + 0.4 * line)


def _removal_of_rwkv7(shape: tuple[int, ...], units: int) -> Array:
    return np.array([0.71 - 0.1 * (n / (units - 1) - 0.5) for n in range(units)])


def _frequencies(shape: tuple[int, ...], units: int) -> Array:
    return np.array([np.pi * n for _ in range(units) for n in range(shape[0] // units)])


def _hippo(shape: tuple[int, ...], units: int) -> Array:
    """The eigenvalues of HiPPO-LegS plus its rank-one part, as the authors compute them."""
    size = 2 * shape[0]
    legs = np.zeros((size, size))
    for i in range(size):
        for j in range(i + 1):
            legs[i, j] = -(i + 1) if i == j else -np.sqrt((2 * i + 1) * (2 * j + 1))
    root = np.sqrt(np.arange(size) + 0.5)
    turns = np.sort(np.linalg.eigvals(legs + np.outer(root, root)).imag)
    return np.asarray(turns[size // 2 :])


def _ring(low: float, high: float) -> Law:
    """A decay rate whose factor exp(-rate) is spread evenly over a ring of the unit disc."""
    return through(
        lambda rate: np.exp(-2 * rate),
        f"exp(-rate) is even over the ring from {low:g} to {high:g}",
        uniform(low**2, high**2),
    )


def _softplus_of(low: float, high: float) -> Law:
    return through(
        lambda value: np.log(np.expm1(value)),
        f"softplus of U[{low:g}, {high:g}]",
        uniform(low, high),
    )


def _sigmoid_of(low: float, high: float) -> Law:
    return through(
        lambda value: np.log(value / (1 - value)),
        f"sigmoid of U[{low:g}, {high:g}]",
        uniform(low, high),
    )


def _time_scales() -> Law:
    """1 / T = softplus(-b) is gamma distributed where T is inverse gamma with scale 1."""
    return through(
        lambda b: softplus(-b),
        "exp(-1/T) of its time scale T, inverse gamma (0.56, 1)",
        distributed("gamma", stats.gamma(0.56).cdf),
    )


FIRST: dict[str, Table] = {
    **dict.fromkeys(
        (
            *("lstm", "lstm_lr", "layer_norm_lstm", "layer_norm_lstm_stacked", "cifg"),
            *("group_lstm", "mogrifier_lstm", "capped_lstm", "zoneout_lstm", "slim_lstm1"),
            *("slim_lstm3", "time_aware_lstm", "variational_dropout_lstm", "lstmp", "wmc_lstm"),
            "memory_control_lstm",
        ),
        OPEN,
    ),
    **dict.fromkeys(("peephole", "niaf", "noaf", "fgr", "lstmp_peephole"), OPEN_PEEPHOLES),
    "mi_lstm": {**OPEN, **MIXED},
    **dict.fromkeys(("mi_rnn", "mi_gru"), MIXED),
    "cifg_peephole": {**OPEN, "forget.c_prev": PEEPHOLE, "output.c": PEEPHOLE},
    "nig": {**OPEN, "forget.c_prev": PEEPHOLE, "output.c": PEEPHOLE},
    "nfg": {"input.c_prev": PEEPHOLE, "output.c": PEEPHOLE},
    "nog": {**OPEN, "input.c_prev": PEEPHOLE, "forget.c_prev": PEEPHOLE},
    "indy_lstm": {**OPEN, "*.h_prev": PEEPHOLE},
    "slim_lstm4": {"candidate.h_prev": orthogonal(), "*.h_prev": PEEPHOLE},
    "slim_lstm5": {**OPEN, "candidate.h_prev": orthogonal(), "*.h_prev": PEEPHOLE},
    "weight_norm_lstm": {**OPEN, "*.scale": constant(1)},
    "chrono_lstm": {
        "forget.bias": through(np.exp, "log U[1, 99]", uniform(1, 99)).by("Tallec & Ollivier 2018"),
        "input.bias": negative("forget.bias").by("Tallec & Ollivier 2018"),
    },
    "inverse_gamma_lstm": {
        "forget.bias": _time_scales().by("Mahto et al. 2021"),
        "input.bias": negative("forget.bias").by("Mahto et al. 2021"),
    },
    "power_law_lstm": {"forget.bias": constant(0), "forget.p": constant(0.5)},
    "u_lstm": {"forget.bias": uniform_gate().by("Gu et al. 2020")},
    "ut_lstm": {"forget.bias": uniform_gate().by("Gu et al. 2020")},
    "ur_lstm": {
        "forget.bias": uniform_gate().by("Gu et al. 2020"),
        "refine.bias": negative("forget.bias").by("two implementations of the paper"),
    },
    "r_lstm": COUPLED,
    "gt_lstm": COUPLED,
    "ea_lstm": {
        **OPEN,
        "forget.x": orthogonal().by("neuralhydrology"),
        "output.x": orthogonal().by("neuralhydrology"),
        "candidate.x": orthogonal().by("neuralhydrology"),
        "*.h_prev": identity().by("neuralhydrology"),
    },
    "phased_lstm": {
        "forget.bias": constant(2).by("the authors' code"),
        "input.c_prev": PEEPHOLE,
        "forget.c_prev": PEEPHOLE,
        "output.proposed_c": PEEPHOLE,
        "period": _softplus_of(10, 100).by("the authors' code"),
        "shift": uniform(0, 1000).by("the authors' code"),
        "ratio": constant(0.05).by("the authors' code"),
    },
    "hyper_lstm": {
        "small_forget.bias": constant(1).by("Ha's code"),
        "forget.bias": constant(1).by("Ha's code"),
        "*_z[xh].small_h": constant(0).by("Ha's code"),
        "*_z[xh].bias": constant(1).by("Ha's code"),
        "*_scale_[xh].*": constant(0.1 / 4).by("Ha's code: 0.1 over the embedding's width"),
        "*_zb.small_h": normal(0.01).by("Ha's code"),
        "*_shift.*": constant(0).by("Ha's code"),
        "*_offset": constant(0).by("Ha's code"),
    },
    "mc_lstm": {"output.bias": constant(-3).by("neuralhydrology")},
    "multiplicative_lstm_tanh": OPEN,
    "multiplicative_lstm": {
        "forget.bias": constant(3).by("the authors' code"),
        "*.x": normal(0.1).by("the authors' code"),
        "*.h_prev": normal(0.02).by("the authors' code"),
        "*.multiplied": normal(0.02).by("the authors' code"),
        "shown_bias": constant(0).by("the authors' code"),
    },
    "slstm": {
        "forget.bias": constant(1),
        "m": constant(-1e30).by("the authors' code: m starts as the first input gate"),
    },
    "slstm_heads": {
        "*.h_prev": constant(0).by("the authors' code"),
        "forget.bias": constant(1),
        "m": constant(-1e30).by("the authors' code: m starts as the first input gate"),
    },
    "mlstm": {
        "input.x": constant(0).by("the authors' code"),
        "input.bias": normal(0.1).by("the authors' code"),
        "forget.x": constant(0).by("the authors' code"),
        "forget.bias": uniform(3, 6).by("the authors' code"),
    },
    "xlstm_7b": {
        "input.x": constant(0).by("as mlstm"),
        "input.bias": normal(0.1).by("as mlstm"),
        "forget.x": constant(0).by("as mlstm"),
        "forget.bias": uniform(3, 6).by("as mlstm"),
    },
    "janet": {"forget.bias": constant(1).by("the authors' code")},
    "star_janet": {
        "forget.bias": through(np.exp, "log U[1, 783]", uniform(1, 783)).by("the authors' code")
    },
    **dict.fromkeys(("mgu", "mgu_flax", "mgu1", "mgu3"), MGU),
    "ugrnn": {"update.bias": constant(1).by("tf.contrib UGRNNCell, forget_bias")},
    "intersection_rnn": {
        "update.bias": constant(1).by("tf.contrib IntersectionRNNCell"),
        "depth.bias": constant(1).by("tf.contrib IntersectionRNNCell"),
    },
    "indy_gru": {
        "reset.bias": constant(1).by("tf.contrib IndyGRUCell"),
        "update.bias": constant(1).by("tf.contrib IndyGRUCell"),
        "*h_prev": PEEPHOLE,
    },
    "para_gru": {"*h_prev": PEEPHOLE},
    "para_lstm": {**OPEN, "*.h_prev": PEEPHOLE, "forget.c_prev": PEEPHOLE, "output.c": PEEPHOLE},
    "elstm": {
        name: normal(0.1).by("the authors' code") for name in ("*_own", "forget.*", "candidate.*")
    },
    "brc": {"*.h_prev": constant(1).by("the authors' code")},
    "sru": {"*.c_prev": PEEPHOLE},
    "rhn": {"transform_*.bias": constant(-2).by("the authors' code")},
    "rhn_uncoupled": {"transform_*.bias": constant(-2).by("the authors' code")},
    "irnn": {
        "candidate.x": normal(0.001).by("Le et al. 2015"),
        "candidate.h_prev": identity().by("Le et al. 2015"),
    },
    "ind_rnn": {"recurrent": uniform(0, 1).by("the authors' code")},
    "layer_norm_ind_rnn": {"recurrent": uniform(-0.5, 0.5).by("haste")},
    "unicornn": {
        "pace": _sigmoid_of(-0.1, 0.1).by("the authors' code"),
        "recurrent": uniform(0, 1).by("the authors' code"),
    },
    "exp_rnn": {"threshold": uniform(-0.01, 0.01).by("the authors' code")},
    "esn": ESN,
    "leaky_esn": ESN,
    "fast_rnn": {
        "candidate.x": SMALL,
        "candidate.h_prev": SMALL,
        "candidate.bias": constant(1).by("EdgeML"),
        "alpha": constant(1 / (1 + np.exp(3.0))).by("EdgeML: sigmoid(-3)"),
        "beta": constant(1 / (1 + np.exp(-3.0))).by("EdgeML: sigmoid(3)"),
    },
    "fast_grnn": {
        "shared.x": SMALL,
        "shared.h_prev": SMALL,
        "*.bias": constant(1).by("EdgeML"),
        "zeta": constant(1 / (1 + np.exp(-1.0))).by("EdgeML: sigmoid(1)"),
        "nu": constant(1 / (1 + np.exp(4.0))).by("EdgeML: sigmoid(-4)"),
    },
    "cfc_pure": {"rate": constant(0).by("ncps"), "level": constant(1).by("ncps")},
    "ltc": {
        "membrane": _softplus_of(0.4, 0.6).by("ncps"),
        "leak": _softplus_of(0.001, 1).by("ncps"),
        "rest": uniform(-0.2, 0.2).by("ncps"),
        "*w": _softplus_of(0.001, 1).by("ncps"),
        "*sigma": uniform(3, 8).by("ncps"),
        "*mu": uniform(0.3, 0.8).by("ncps"),
        "*reversal": signs(1 / 3).by("ncps"),
        "*_scale": constant(1).by("ncps"),
        "*_offset": constant(0).by("ncps"),
    },
    "lmu": {
        "memory.*": array("zero-order hold of a window of 100 steps", _legendre)
        .fixed()
        .by("Voelker et al. 2019"),
    },
    "lru": {
        "nu": _ring(0, 1).by("Orvieto et al. 2023"),
        "theta": uniform(0, 6.28).by("minimal-LRU, max_phase"),
        "gain": constant(1).by("Orvieto et al. 2023: gamma is sqrt(1 - |lambda|^2)"),
    },
    "rg_lru": {"decay": _ring(0.9, 0.999).by("De et al. 2024")},
    "retnet": {
        "decay": array("1 - 2^(-5 - i) for head i from 0", _retention)
        .fixed()
        .by("Sun et al. 2023"),
        "angle": array("from 1 to 1/10000, geometrically", _rotary).fixed().by("torchscale"),
    },
    "hgrn": {"scale": constant(1).by("flash-linear-attention")},
    "ffm": {
        "rate": uniform(0, 0.68).by("the authors' code"),
        "frequency": uniform(0.006, 6.28).by("the authors' code"),
    },
    "gated_delta_net": GATED_DELTA,
    "gated_delta_product": GATED_DELTA,
    "mamba": {
        "rate": array("1 to size for each unit (S4D-Real)", _ramp).by("the authors' code"),
        "step.bias": STEP.by("the authors' code"),
        "skip": constant(1).by("the authors' code"),
    },
    "kda": KIMI,
    "preconditioned_kda": {
        "rate": KIMI["rate"],
        "fade": KIMI["rate"],
        "step.bias": constant(0).by("flash-linear-attention"),
        "pace.bias": KIMI["step.bias"],
        "center": constant(-0.2).by("flash-linear-attention"),
    },
    "gated_delta_net_2": {name: law.by("the authors' code") for name, law in KIMI.items()},
    "m2rnn": {
        **GATED_DELTA,
        "turn": array("the identity in each head", _identities).by("the authors' code"),
        "skip": constant(1).by("the authors' code"),
    },
    "comba": {
        **GATED_DELTA,
        "inner": constant(1 / (1 + np.exp(-1.0))).by("the authors' code: sigmoid(1)"),
        "correction": constant(1).by("the authors' note on 1.3B models"),
    },
    "rwkv7": {
        "mix_r": _shift(0.2),
        "mix_w": _shift(0.9),
        "mix_k": _shift(0.7),
        "mix_v": _shift(0.7),
        "mix_a": _shift(0.9),
        "receptance.*": orthogonal().by("flash-linear-attention"),
        "key.*": orthogonal(0.1).by("flash-linear-attention"),
        "value.*": orthogonal().by("flash-linear-attention"),
        "thin_*": constant(0).by("the author's code"),
        "decay.thin_decay": orthogonal(0.1).by("the author's code"),
        "rate.thin_rate": orthogonal(0.1).by("the author's code"),
        "decay.bias": array("-5.5 to 0.5, plus 2.5 z abs(z) in each head", _decay_of_rwkv7).by(
            "the author's code, first layer"
        ),
        "rate.bias": array("-0.39 to 0.01, plus 0.3 z abs(z) in each head", _rate_of_rwkv7).by(
            "the author's code"
        ),
        "removal": array("0.76 to 0.66", _removal_of_rwkv7).by("the author's code"),
        "replacement": constant(1.02).by("the author's code"),
        "bonus": constant(-0.04).by("the author's code"),
    },
    "longhorn": {"skip": constant(1).by("the authors' code")},
    "s4d": {
        "step": log_uniform(0.001, 0.1).by("the authors' code"),
        "rate": constant(0.5).by("the authors' code"),
        "turn": array("pi n for each unit", _frequencies).by("the authors' code (S4D-Lin)"),
        "c_*": normal(0.5**0.5).by("the authors' code: complex normal"),
        "skip": normal(1).by("the authors' code"),
    },
    "s5": {
        "step": log_uniform(0.001, 0.1).by("the authors' code"),
        "real": constant(-0.5).by("the authors' code: HiPPO-N"),
        "turn": array("imaginary eigenvalues of HiPPO-N", _hippo).by("the authors' code"),
    },
    "linoss": {
        "stiffness": uniform(0, 1).by("tk-rusch/linoss"),
        "step": through(
            lambda value: np.log(value / (1 - value)), "sigmoid of U[0, 1]", uniform(0, 1)
        ).by("tk-rusch/linoss"),
    },
    "gru_d": {
        "fade": constant(0).by("the first author's code"),
        "fade_bias": constant(0).by("the first author's code"),
        "decay.elapsed": constant(0).by("the first author's code"),
    },
    "clockwork_rnn": {
        "drive.x": normal(0.1).by("the example in pylstm"),
        "recurrent": normal(0.1).by("the example in pylstm"),
    },
    "mesa_net": {"slack": constant(0.75).by("flash-linear-attention: the ridge is 1")},
    "mamba3": {
        "step.bias": STEP.by("the authors' code"),
        "*_scale_*": constant(1).by("the authors' code"),
        "*_bias_*": constant(1).by("the authors' code"),
        "skip": constant(1).by("the authors' code"),
    },
    "mamba2": {
        "rate": log_uniform(1, 16).by("gatekit; Mamba2Simple draws U[1, 16]"),
        "step.bias": STEP.by("the authors' code"),
        "skip": constant(1).by("the authors' code"),
    },
    "rwkv4": {
        "mix_*": constant(0.5).by("ChatRWKV, between the layers"),
        "decay": log_uniform(np.exp(-5), np.exp(3)).by("the author's code, from -5 to 3"),
        "bonus": constant(np.log(0.3)).by("the author's code"),
        "m": constant(-1e30).by("ChatRWKV"),
    },
    "rwkv6": {
        "decay.bias": uniform(-5, 3).by("the range of RWKV 4"),
        "shift": constant(0.5),
        "bonus": constant(0),
    },
    "tutorial": {"*": normal(0.1)},
}


def law(cell: str, name: str, kind: str, shape: tuple[int, ...]) -> Law | None:
    """The law of a weight or state: its entry, the first pattern that matches, or the usual one."""
    table = FIRST.get(cell, {})
    if name in table:
        return table[name]
    if kind == "state":
        return constant(0)
    found = next((rule for key, rule in table.items() if fnmatchcase(name, key)), None)
    return found or usual(name, kind, shape)


def usual(name: str, kind: str, shape: tuple[int, ...]) -> Law | None:
    """The law of a weight that no table names; None for a parameter and for a vector of a read."""
    if kind in ("kernel", "recurrent"):
        return None if len(shape) < 2 else glorot() if kind == "kernel" else orthogonal()
    return {
        "bias": constant(0),
        "norm": constant(1 if name.endswith("scale") else 0),
    }.get(kind)
