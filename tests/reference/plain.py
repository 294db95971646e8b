"""The plain cells: a row for each, which the loop of ``loop.py`` computes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import exp, ones_like, sqrt, tanh

from .case import Case
from .functions import (
    Array,
    absolute,
    cumax,
    log_sigmoid,
    maximum,
    normalised,
    sigmoid,
    silu,
    softplus,
)
from .loop import Function, Let, Lines, gates, let, plain


def linear(a: Array) -> Array:
    """The pre-activation itself."""
    return a


def relu(a: Array) -> Array:
    """a where it is above 0, else 0."""
    return maximum(a, np.zeros_like(a))


def hard_sigmoid(a: Array) -> Array:
    """a / 5 + 1/2, cut off at 0 and 1, as in Theano."""
    raised = relu(a / 5 + 0.5)
    return -maximum(-raised, -np.ones_like(a))


def positive(a: Array) -> Array:
    """a + 1/2 where a is not below 0, else sigmoid(a)."""
    return np.where(np.real(a) >= 0, a + 0.5, sigmoid(a))


# The lines that many rows share.
BOTH = "x h_prev"
INPUT, FORGET = gates(sigmoid, BOTH, i="input"), gates(sigmoid, BOTH, f="forget")
OUTPUT, NEW = gates(sigmoid, BOTH, o="output"), gates(tanh, BOTH, g="candidate")
PEEP_I = gates(sigmoid, BOTH, "c_prev", i="input")
PEEP_F = gates(sigmoid, BOTH, "c_prev", f="forget")
PEEP_O = gates(sigmoid, BOTH, "c", o="output")
MEMORY = let(c=lambda f, c_prev, i, g: f * c_prev + i * g)
COUPLED = let(c=lambda f, c_prev, g: f * c_prev + (1 - f) * g)
SHOWN = let(h=lambda o, c: o * tanh(c))
RESET, UPDATE = gates(sigmoid, BOTH, r="reset"), gates(sigmoid, BOTH, z="update")
RESET_NEW = gates(tanh, "x r*h_prev", g="candidate")
KEPT = let(h=lambda z, h_prev, g: z * h_prev + (1 - z) * g)
WRITTEN = let(h=lambda z, h_prev, g: (1 - z) * h_prev + z * g)
ONE = {k: let(**{k: lambda c_prev: ones_like(c_prev)}) for k in "ifo"}


def mixed(activation: Function, read: str = "h_prev", **names: str) -> Lines:
    """Gates of multiplicative integration: alpha (W x) (U u) + beta_x W x + beta_h U u + b."""
    lines: Lines = []
    for k, gate in names.items():
        lines += gates(linear, "x", bias=False, **{f"{k}_x": f"{gate}_x"})
        lines += gates(linear, read, bias=False, **{f"{k}_h": f"{gate}_h"})
        reads = [f"{k}_x", f"{k}_h", f"{k}_alpha", f"{k}_beta_x", f"{k}_beta_h", f"{k}_bias"]
        lines += [
            Let(
                lambda a, b, alpha, beta_x, beta_h, bias: activation(
                    alpha * a * b + beta_x * a + beta_h * b + bias
                ),
                reads,
                {k: gate},
            )
        ]
    return lines


def integrated(printed: str, mixing: Lines, *more: Lines) -> Case:
    """A cell with multiplicative integration: its gates, and what follows."""
    parts = {"alpha": "_alpha", "beta_x": "_beta_x", "beta_h": "_beta_h", "bias": ".bias"}
    named = {k: gate for line in mixing if isinstance(line, Let) for k, gate in line.names.items()}
    own = {f"{k}_{p}": gate + name for k, gate in named.items() for p, name in parts.items()}
    source = "Wu et al. 2016, arXiv 1606.06630, section 2.1 as libraries quote it"
    return plain(source, printed, mixing, *more, own=dict.fromkeys(own), names=own)


GREFF = "Greff et al. 2015, arXiv 1503.04069, with the code Qwlouse/pylstm, lstm97_layer.cpp"
GU = "Gu et al. 2020, arXiv 1910.09890, and the gates of the authors' code"
SLIM = "Akandeh & Salem 2017, arXiv 1707.04619, and the authors' Keras module"
PEERS = "as torchrecurrent 0.2.5 writes it"
DEY = "Dey & Salem 2017, arXiv 1701.05923"
HECK = "Heck & Salem 2017, arXiv 1701.03452"
MUT = "Jozefowicz, Zaremba & Sutskever 2015, ICML, PMLR 37"


# LSTMs. INPUT, FORGET, OUTPUT: i, f, o = sigmoid(A); NEW: g = tanh(A); A = W x + U h_prev + b.


def slim_lstm(number: int, printed: str) -> Case:
    """LSTM1 to LSTM5: three gates with fewer parameters."""
    reads, per_unit = "h_prev" * (number in (1, 2)), "h_prev" * (number in (4, 5))
    names = {"i": "input", "f": "forget", "o": "output"}
    few = gates(sigmoid, reads, per_unit, number in (1, 3, 5), **names)
    return plain(
        SLIM, f"i, f, o = sigmoid({printed}); the rest as in the LSTM", few, NEW, MEMORY, SHOWN
    )


def on_lstm(chunk: int, **case: Any) -> Case:
    """The ordered-neurons LSTM, whose master gates have a value for each chunk of units."""
    return plain(
        "Shen et al. 2019, arXiv 1810.09536",
        "F = cumax(A), I = 1 - cumax(A), m = F I; c = (f m + F - m) c_prev + (i m + I - m) g",
        *(INPUT, FORGET, OUTPUT, NEW),
        gates(cumax, BOTH, width=lambda units: units // chunk, a="master_forget", b="master_input"),
        let(
            keeps=lambda a: np.repeat(a, chunk, axis=-1),
            writes=lambda b: np.repeat(1 - b, chunk, axis=-1),
            m=lambda keeps, writes: keeps * writes,
            c=lambda f, m, keeps, c_prev, i, writes, g: (
                (f * m + (keeps - m)) * c_prev + (i * m + (writes - m)) * g
            ),
        ),
        SHOWN,
        **case,
    )


def _clock(rng: np.random.Generator, batch: int, units: int) -> dict[str, Array]:
    # A clock never stands before the last reset.
    return {"t": np.full((batch, 1), 2.0), "forget.k": 2.0 * rng.uniform(size=(batch, units))}


def power_law(coupled: bool, eps: float = 1e-3, **case: Any) -> Case:
    """The LSTM whose forget gate decays as a power of the time since the last reset.

    The authors' code moves the clock by one (t from 0, k from -1), which is the same, and writes
    r (t - eps) for r t, which is not; here the paper's form.
    """
    return plain(
        "Chien et al. 2021, arXiv 2105.05944",
        "k = r t + (1 - r) k_prev; f = ((t - k + 1) / (t - k + eps))^(-sigmoid(p)); i = 1 - f",
        gates(sigmoid, BOTH, r="forget"),
        let(
            t=lambda t_prev: t_prev + 1,
            k=lambda r, t, k_prev: r * t + (1 - r) * k_prev,
            f=lambda t, k, p: ((t - k + 1) / (t - k + eps)) ** -sigmoid(p),
        ),
        let(i=lambda f: 1 - f) if coupled else INPUT,
        *(OUTPUT, NEW, MEMORY, SHOWN),
        own={"p": None},
        names={"k": "forget.k", "p": "forget.p"},
        widths={"t": 1},
        start=_clock,
        **case,
    )


def nas(additive: bool) -> Case:
    """The cell that architecture search found, as TensorFlow or as torchrecurrent computes it."""
    several = range(8) if additive else (0, 1, 2, 4, 5, 6, 7)
    third = gates(linear, "x", bias=False, x3="unit_3_x")
    third += gates(linear, "h_prev", bias=False, h3="unit_3_h")
    third += let(a3=lambda x3, h3: x3 * h3)
    return plain(
        f"Zoph & Le 2017, arXiv 1611.01578; NASCell of TensorFlow; additive: {PEERS}",
        "a_k = W x + U h_prev; a_3 = (W x) (U h_prev), or a sum, and then each a_k has a bias; "
        "l_0 = tanh(sigmoid(a_0) relu(a_1)), l_1 = tanh(sigmoid(a_2) + relu(a_3)), "
        "l_2 = tanh(tanh(a_4) sigmoid(a_5)), l_3 = sigmoid(tanh(a_6) + sigmoid(a_7)); "
        "c = tanh(l_0 + c_prev) l_1, h = tanh(c tanh(l_2 + l_3))",
        gates(linear, BOTH, bias=additive, **{f"a{k}": f"unit_{k}" for k in several}),
        [] if additive else third,
        let(
            l0=lambda a0, a1: tanh(sigmoid(a0) * relu(a1)),
            l1=lambda a2, a3: tanh(sigmoid(a2) + relu(a3)),
            l2=lambda a4, a5: tanh(tanh(a4) * sigmoid(a5)),
            l3=lambda a6, a7: sigmoid(tanh(a6) + sigmoid(a7)),
            c=lambda l0, c_prev, l1: tanh(l0 + c_prev) * l1,
            h=lambda c, l2, l3: tanh(c * tanh(l2 + l3)),
        ),
    )


def lstm_lr(rank: int, **case: Any) -> Case:
    """The low-rank LSTM, whose gates share the left factors."""
    return plain(
        "Kusupati et al. 2018, arXiv 1901.02358",
        "W = L_x R_x and U = L_h R_h, L shared by the gates; the rest as in the LSTM",
        gates(linear, "x", bias=False, width=lambda units: rank, u="input_factor"),
        gates(linear, "h_prev", bias=False, width=lambda units: rank, v="recurrent_factor"),
        gates(sigmoid, "u v", i="input", f="forget", o="output"),
        gates(tanh, "u v", g="candidate"),
        *(MEMORY, SHOWN),
        **case,
    )


def lstmp(peepholes: bool) -> Case:
    """The LSTM whose hidden state is a projection of what the memory shows."""
    return plain(
        "Sak, Senior & Beaufays 2014, arXiv 1402.1128",
        "as the LSTM, or the one with peepholes, but h = P (o tanh(c)), narrower than c",
        *((PEEP_I, PEEP_F) if peepholes else (INPUT, FORGET)),
        *(NEW, MEMORY, PEEP_O if peepholes else OUTPUT),
        let(shown=lambda o, c: o * tanh(c)),
        gates(linear, "shown", bias=False, width=lambda units: units // 2, h="h"),
    )


def _rhythm(time: Array, period: Array, shift: Array, ratio: Array) -> Array:
    """How far the units of a phased LSTM are open."""
    tau, r = softplus(period), sigmoid(ratio)
    late = time - shift
    phi = (late - tau * np.floor(np.real(late) / np.real(tau))) / tau
    falls = np.where(np.real(phi) < np.real(r), 2 - 2 * phi / r, 1e-3 * phi)
    return np.where(np.real(phi) < np.real(r) / 2, 2 * phi / r, falls)


LSTMS = {
    "peephole": plain(
        "Gers, Schraudolph & Schmidhuber 2002, doi 10.1162/153244303768966139 (there the memory is "
        "squashed by other functions); form V of Greff et al. 2015, arXiv 1503.04069",
        "i, f = sigmoid(A + p c_prev), o = sigmoid(A + p c), A = W x + U h_prev + b; "
        "c = f c_prev + i g, h = o tanh(c)",
        *(PEEP_I, PEEP_F, NEW, MEMORY, PEEP_O, SHOWN),
    ),
    "nig": plain(GREFF, "peephole with i = 1", ONE["i"], PEEP_F, NEW, MEMORY, PEEP_O, SHOWN),
    "nfg": plain(GREFF, "peephole with f = 1", PEEP_I, ONE["f"], NEW, MEMORY, PEEP_O, SHOWN),
    "nog": plain(GREFF, "peephole with o = 1", PEEP_I, PEEP_F, NEW, MEMORY, ONE["o"], SHOWN),
    "niaf": plain(
        GREFF,
        "peephole with g = W x + U h_prev + b",
        *(PEEP_I, PEEP_F, gates(linear, BOTH, g="candidate"), MEMORY, PEEP_O, SHOWN),
    ),
    "noaf": plain(
        GREFF,
        "peephole with h = o c",
        *(PEEP_I, PEEP_F, NEW, MEMORY, PEEP_O, let(h=lambda o, c: o * c)),
    ),
    "cifg_peephole": plain(
        GREFF,
        "peephole with i = 1 - f (the paper learns i and sets f = 1 - i)",
        *(PEEP_F, NEW, COUPLED, PEEP_O, SHOWN),
    ),
    "fgr": plain(
        GREFF,
        "peephole, and i, f and o also read R i_prev + S f_prev + T o_prev",
        gates(sigmoid, f"{BOTH} i_prev f_prev o_prev", "c_prev", i="input", f="forget"),
        *(NEW, MEMORY),
        gates(sigmoid, f"{BOTH} i_prev f_prev o_prev", "c", o="output"),
        SHOWN,
    ),
    "original_lstm": plain(
        "Hochreiter & Schmidhuber 1997, doi 10.1162/neco.1997.9.8.1735, tanh as in libraries",
        "c = c_prev + i g, h = o tanh(c)",
        *(INPUT, OUTPUT, NEW, let(c=lambda c_prev, i, g: c_prev + i * g), SHOWN),
    ),
    "cifg": plain(
        "Greff et al. 2015, arXiv 1503.04069 (there with peepholes)",
        "c = f c_prev + (1 - f) g, h = o tanh(c)",
        *(FORGET, OUTPUT, NEW, COUPLED, SHOWN),
    ),
    "ur_lstm": plain(
        "Gu et al. 2020, arXiv 1910.09890; the b of the paper is where the two biases start",
        "e = r (1 - (1 - f)^2) + (1 - r) f^2; c = e c_prev + (1 - e) g, h = o tanh(c)",
        *(FORGET, gates(sigmoid, BOTH, r="refine"), OUTPUT, NEW),
        let(
            e=lambda r, f: r * (1 - (1 - f) ** 2) + (1 - r) * f**2,
            c=lambda e, c_prev, g: e * c_prev + (1 - e) * g,
        ),
        SHOWN,
    ),
    "r_lstm": plain(
        GU,
        "k = (1 - 2 r) f^2 + 2 r f; c = k c_prev + (1 - k) g, h = o tanh(c)",
        *(FORGET, gates(sigmoid, BOTH, r="refine"), OUTPUT, NEW),
        let(
            k=lambda r, f: (1 - 2 * r) * f**2 + 2 * r * f,
            c=lambda k, c_prev, g: k * c_prev + (1 - k) * g,
        ),
        SHOWN,
    ),
    **{
        name: plain(
            f"{GU}; the two start differently",
            "r_lstm with r = f: k = 3 f^2 - 2 f^3",
            *(FORGET, OUTPUT, NEW),
            let(
                k=lambda f: 3 * f**2 - 2 * f**3,
                c=lambda k, c_prev, g: k * c_prev + (1 - k) * g,
            ),
            SHOWN,
        )
        for name in ("gt_lstm", "ut_lstm")
    },
    "u_lstm": plain(
        GU, "c = f c_prev + (1 - f) g, h = o tanh(c)", FORGET, OUTPUT, NEW, COUPLED, SHOWN
    ),
    "capped_lstm": plain(
        "Melis, Dyer & Blunsom 2018, arXiv 1707.05589, and its code lamb",
        "c = f c_prev + min(1 - f, i) g, h = o tanh(c)",
        *(INPUT, FORGET, OUTPUT, NEW),
        let(c=lambda f, c_prev, i, g: f * c_prev - maximum(f - 1, -i) * g),
        SHOWN,
    ),
    **{
        name: plain(
            source, "c = f c_prev + i g, h = o tanh(c)", INPUT, FORGET, OUTPUT, NEW, MEMORY, SHOWN
        )
        for name, source in {
            "variational_dropout_lstm": "Gal & Ghahramani 2016, arXiv 1512.05287, at test time",
            "chrono_lstm": "Tallec & Ollivier 2018, arXiv 1804.11188; its biases start elsewhere",
            "inverse_gamma_lstm": "Mahto et al. 2021, arXiv 2009.12727; as chrono_lstm",
        }.items()
    },
    "zoneout_lstm": plain(
        "Krueger et al. 2016, arXiv 1606.01305; the mean of the mixture, as at test time",
        "c' = f c_prev + i g, h' = o tanh(c'); c = z_c c_prev + (1 - z_c) c', likewise h",
        *(INPUT, FORGET, OUTPUT, NEW),
        let(
            new=lambda f, c_prev, i, g: f * c_prev + i * g,
            c=lambda c_prev, new: 0.5 * c_prev + 0.5 * new,
            h=lambda h_prev, o, new: 0.05 * h_prev + 0.95 * o * tanh(new),
        ),
    ),
    "indy_lstm": plain(
        "Gonnet & Deselaers 2019, arXiv 1903.08023",
        "i, f, o = sigmoid(W x + u h_prev + b), g = tanh(W x + u h_prev + b), u a vector",
        gates(sigmoid, "x", "h_prev", i="input", f="forget", o="output"),
        gates(tanh, "x", "h_prev", g="candidate"),
        *(MEMORY, SHOWN),
    ),
    "para_lstm": plain(
        "Danieli et al. 2025, arXiv 2510.21450",
        "f = sigmoid(W x + u h_prev + p c_prev + b), o with p c, g = tanh(W x + u h_prev + b); "
        "c = f c_prev + (1 - f) g",
        gates(sigmoid, "x", "h_prev c_prev", f="forget"),
        gates(tanh, "x", "h_prev", g="candidate"),
        COUPLED,
        gates(sigmoid, "x", "h_prev c", o="output"),
        SHOWN,
    ),
    "elstm": plain(
        "Irie et al. 2024, arXiv 2305.19044, and the authors' code IDSIA/rtrl-elstm, layers.py",
        "f = sigmoid(W x + u c_prev + b), z = tanh(W x + u c_prev + b), u a vector; "
        "c = f c_prev + (1 - f) z, h = c sigmoid(W x + V c + b)",
        gates(linear, "x", a="forget", b="candidate"),
        let(
            f=lambda a, forget_own, c_prev: sigmoid(a + forget_own * c_prev),
            g=lambda b, candidate_own, c_prev: tanh(b + candidate_own * c_prev),
        ),
        COUPLED,
        gates(sigmoid, "x c", o="output"),
        let(h=lambda o, c: o * c),
        own={"forget_own": None, "candidate_own": None},
    ),
    **{
        f"slim_lstm{number}": slim_lstm(number, printed)
        for number, printed in {
            1: "U h_prev + b",
            2: "U h_prev",
            3: "b",
            4: "u h_prev, unit by unit",
            5: "u h_prev + b, unit by unit",
        }.items()
    },
    "wmc_lstm": plain(
        f"Landi et al. 2021, arXiv 2109.00020, {PEERS}",
        "i, f = sigmoid(A + tanh(V c_prev + d)), o = sigmoid(A + tanh(V c + d))",
        gates(linear, BOTH, a_i="input", a_f="forget", a_o="output"),
        gates(tanh, "c_prev", m_i="input_memory", m_f="forget_memory"),
        NEW,
        let(
            c=lambda a_f, m_f, c_prev, a_i, m_i, g: (
                sigmoid(a_f + m_f) * c_prev + sigmoid(a_i + m_i) * g
            )
        ),
        gates(tanh, "c", m_o="output_memory"),
        let(h=lambda a_o, m_o, c: sigmoid(a_o + m_o) * tanh(c)),
    ),
    "memory_control_lstm": plain(
        f"Ben-Ari & Shwartz-Ziv 2017, NIPS Time Series Workshop, {PEERS}",
        "gates read v_prev for h_prev; m = sigmoid(W x + U v_prev + b), v = m tanh(c); "
        "o tanh(c) is emitted and never read",
        gates(sigmoid, "x v_prev", i="input", f="forget", o="output", m="control"),
        gates(tanh, "x v_prev", g="candidate"),
        MEMORY,
        let(v=lambda m, c: m * tanh(c)),
        SHOWN,
    ),
    "res_lstm": plain(
        f"Kim, El-Khamy & Lee 2017, arXiv 1701.03360, {PEERS}",
        "as peephole, but h = o (P tanh(c) + Q x)",
        *(PEEP_I, PEEP_F, NEW, MEMORY, PEEP_O),
        let(t=lambda c: tanh(c)),
        gates(linear, "t x", bias=False, s="shown"),
        let(h=lambda o, s: o * s),
        names={"t": "tanh(c)"},
    ),
    "lstmp": lstmp(peepholes=False),
    "lstmp_peephole": lstmp(peepholes=True),
    "lstm_lr": lstm_lr(8),
    "lstm_lr_rank": lstm_lr(3, cell="lstm_lr", config={"constants": {"rank": 3}}),
    "multiplicative_lstm": plain(
        "Krause et al. 2016, arXiv 1609.07959, with the authors' code (benkrause/mLSTM)",
        "m = (A x) (B h_prev); i, f, o = sigmoid(W x + V m + b); c = f c_prev + i (W x + V m), "
        "h = tanh(o c + b)",
        gates(linear, "x", bias=False, a="factor_x"),
        gates(linear, "h_prev", bias=False, b="factor_h"),
        let(multiplied=lambda a, b: a * b),
        gates(sigmoid, "x multiplied", i="input", f="forget", o="output"),
        gates(linear, "x multiplied", bias=False, g="candidate"),
        MEMORY,
        let(h=lambda o, c, shown_bias: tanh(o * c + shown_bias)),
        own={"shown_bias": None},
    ),
    "multiplicative_lstm_tanh": plain(
        "Krause et al. 2016, arXiv 1609.07959, as other libraries have it",
        "the same m; c = f c_prev + i tanh(W x + V m + b), h = o tanh(c)",
        gates(linear, "x", bias=False, a="factor_x"),
        gates(linear, "h_prev", bias=False, b="factor_h"),
        let(multiplied=lambda a, b: a * b),
        gates(sigmoid, "x multiplied", i="input", f="forget", o="output"),
        gates(tanh, "x multiplied", g="candidate"),
        *(MEMORY, SHOWN),
    ),
    "mi_lstm": integrated(
        "the LSTM with M(W x, U h_prev) for W x + U h_prev + b",
        mixed(sigmoid, i="input", f="forget", o="output") + mixed(tanh, g="candidate"),
        *(MEMORY, SHOWN),
    ),
    "nas": nas(additive=False),
    "nas_additive": nas(additive=True),
    "on_lstm": on_lstm(2, config={"constants": {"chunk": 2}}),
    "slstm": plain(
        "Beck et al. 2024, arXiv 2405.04517, and the authors' code (NX-AI/xlstm, blocks/slstm)",
        "m = max(log sigmoid(a_f) + m_prev, a_i); i = exp(a_i - m), "
        "f = exp(log sigmoid(a_f) + m_prev - m); c = f c_prev + i g, n = f n_prev + i, h = o c / n",
        gates(linear, BOTH, a="input", b="forget"),
        *(OUTPUT, NEW),
        let(
            kept=lambda b, m_prev: log_sigmoid(b) + m_prev,
            m=lambda kept, a: maximum(kept, a),
            i=lambda a, m: exp(a - m),
            f=lambda kept, m: exp(kept - m),
            c=lambda f, c_prev, i, g: f * c_prev + i * g,
            n=lambda f, n_prev, i: f * n_prev + i,
            h=lambda o, c, n: o * c / n,
        ),
        # a normaliser is positive
        start=lambda rng, batch, units: {"n": exp(rng.standard_normal((batch, units)))},
    ),
    "power_law_lstm": power_law(coupled=True),
    "power_law": power_law(
        coupled=False, cell="lstm", config={"gates": {"forget": {"kind": "power_law"}}}
    ),
    "power_law_coupled": power_law(
        coupled=True,
        cell="lstm",
        config={
            "gates": {
                "forget": {"kind": "power_law"},
                "input": {"kind": "coupled", "reads": [], "bias": False},
            }
        },
    ),
    "gilr_lstm": plain(
        "Martin & Cundy 2018, arXiv 1709.04057",
        "s = k s_prev + (1 - k) tanh(V x + b), k = sigmoid(V x + b); gates read s_prev for h_prev; "
        "c = f c_prev + i g, h = o c",
        gates(sigmoid, "x", k="surrogate_gate"),
        gates(tanh, "x", v="impulse"),
        let(surrogate=lambda k, surrogate_prev, v: k * surrogate_prev + (1 - k) * v),
        gates(sigmoid, "x surrogate_prev", i="input", f="forget", o="output"),
        gates(tanh, "x surrogate_prev", g="candidate"),
        MEMORY,
        let(h=lambda o, c: o * c),
    ),
    "time_aware_lstm": plain(
        "Baytas et al. 2017, doi 10.1145/3097983.3097997, and the authors' first code",
        "s = tanh(V c_prev + d), a = c_prev - s + s / log(e + |dt|); c = f a + i g",
        gates(tanh, "c_prev", s="short_term"),
        *(INPUT, FORGET, OUTPUT, NEW),
        let(
            a=lambda c_prev, s, dt: c_prev - s + s / np.log(np.e + absolute(dt)),
            c=lambda f, a, i, g: f * a + i * g,
        ),
        SHOWN,
        inputs={"dt": 1},
    ),
    "ea_lstm": plain(
        "Kratzert et al. 2019, doi 10.5194/hess-23-5089-2019, and the authors' library",
        "i = sigmoid(W s + b), of the static attributes s alone; the rest as in the LSTM",
        gates(sigmoid, "static", i="input"),
        *(FORGET, OUTPUT, NEW, MEMORY, SHOWN),
        inputs={"static": 4},
    ),
    "phased_lstm": plain(
        "Neil, Pfeiffer & Liu 2016, arXiv 1610.09513, and the first author's layer",
        "phi = ((t - s) mod tau) / tau; k = 2 phi / r below r / 2, 2 - 2 phi / r below r, else "
        "leak phi; c = k c~ + (1 - k) c_prev, h = k h~ + (1 - k) h_prev, c~ and h~ of peephole",
        *(PEEP_I, PEEP_F, NEW),
        let(proposed_c=lambda f, c_prev, i, g: f * c_prev + i * g),
        gates(sigmoid, BOTH, "proposed_c", o="output"),
        let(
            k=_rhythm,
            c=lambda k, proposed_c, c_prev: k * proposed_c + (1 - k) * c_prev,
            h=lambda k, o, proposed_c, h_prev: k * o * tanh(proposed_c) + (1 - k) * h_prev,
        ),
        own={"period": None, "shift": None, "ratio": None},
        inputs={"time": 1},
    ),
}


# GRUs and units with less in their gates. RESET, UPDATE: r, z = sigmoid(W x + U h_prev + b).


def janet(beta: float, **case: Any) -> Case:
    """JANET, whose memory and output are one."""
    return plain(
        "van der Westhuizen & Lasenby 2018, arXiv 1804.04849",
        "s = W x + U h_prev + b; h = sigmoid(s) h_prev + (1 - sigmoid(s - beta)) g",
        gates(linear, BOTH, s="forget"),
        NEW,
        let(h=lambda s, h_prev, g: sigmoid(s) * h_prev + (1 - sigmoid(s - beta)) * g),
        **case,
    )


def reduced(number: int) -> dict[str, Case]:
    """GRU1 to GRU3 and MGU1 to MGU3: gates of the state and a bias, of the state, of a bias."""
    reads, bias = "h_prev" * (number < 3), number != 2
    printed = {1: "U h_prev + b", 2: "U h_prev", 3: "b"}[number]
    r, z = (gates(sigmoid, reads, "", bias, **n) for n in ({"r": "reset"}, {"z": "update"}))
    f = gates(sigmoid, reads, "", bias, f="forget")
    return {
        f"gru{number}": plain(
            DEY,
            f"r, z = sigmoid({printed}); "
            "g = tanh(W x + U (r h_prev) + b); h = z h_prev + (1 - z) g",
            *(r, z, RESET_NEW, KEPT),
        ),
        f"mgu{number}": plain(
            HECK,
            f"f = sigmoid({printed}); g = tanh(W x + U (f h_prev) + b), h = (1 - f) h_prev + f g",
            *(f, gates(tanh, "x f*h_prev", g="candidate")),
            let(h=lambda f, h_prev, g: (1 - f) * h_prev + f * g),
        ),
    }


def miru2(keep: float = 0.5, recall: float = 0.5, **case: Any) -> Case:
    """MiRU2, in which constants take the place of gates."""
    return plain(
        "Zyarah & Kudithipudi 2026, arXiv 2503.06175",
        "g = tanh(W x + U (b h_prev) + b); h = l h_prev + (1 - l) g, with constants b and l",
        let(recall=lambda h_prev: recall + 0 * h_prev),
        gates(tanh, "x recall*h_prev", g="candidate"),
        let(h=lambda h_prev, g: keep * h_prev + (1 - keep) * g),
        **case,
    )


def mut1(shown: Lines, **case: Any) -> Case:
    """MUT1; ``shown`` is x, projected where it is not as wide as the cell."""
    return plain(
        MUT,
        "z = sigmoid(W x + b), r = sigmoid(A), g = tanh(U (r h_prev) + tanh(x) + b)",
        gates(sigmoid, "x", z="update"),
        *(RESET, shown, gates(linear, "r*h_prev", a="candidate")),
        let(g=lambda a, s: tanh(a + tanh(s))),
        WRITTEN,
        **case,
    )


def mut2(reset: Lines, **case: Any) -> Case:
    """MUT2; its reset gate reads x itself, or a projection."""
    return plain(
        MUT,
        "z = sigmoid(W x + U h_prev + b), r = sigmoid(x + U h_prev + b), "
        "g = tanh(U (r h_prev) + W x + b)",
        *(UPDATE, reset, RESET_NEW, WRITTEN),
        names={"r": "reset"},
        **case,
    )


def rhn(depth: int, coupled: bool = True) -> Case:
    """The recurrent highway network: several highway layers within a step."""
    lines: Lines = []
    below = "h_prev"
    for layer in range(1, depth + 1):
        reads, name = (BOTH if layer == 1 else below), ("h" if layer == depth else f"s_{layer}")
        g, t, c = f"g_{layer}", f"t_{layer}", f"c_{layer}"
        lines += gates(tanh, reads, **{g: f"candidate_{layer}"})
        lines += gates(sigmoid, reads, **{t: f"transform_{layer}"})
        if coupled:
            lines += [Let(lambda t: 1 - t, [t], {c: c})]
        else:
            lines += gates(sigmoid, reads, **{c: f"carry_{layer}"})
        lines += [Let(lambda g, t, s, c: g * t + s * c, [g, t, below, c], {name: name})]
        below = name
    return plain(
        "Zilly et al. 2017, arXiv 1607.03474",
        "s_0 = h_prev, g_l = tanh(W x [l = 1] + U_l s_{l-1} + b_l), t_l and c_l = sigmoid(the same "
        "with their own weights), c_l = 1 - t_l if coupled; s_l = g_l t_l + s_{l-1} c_l, h = s_L",
        lines,
    )


def intersection(projected: Lines, **case: Any) -> Case:
    """+RNN, which also emits its input."""
    return plain(
        "Collins et al. 2017, arXiv 1611.09913",
        "p = W x + b; z, d = sigmoid(A), g = tanh(A), y = relu(A), A of p and h_prev; "
        "h = z h_prev + (1 - z) g; emits d p + (1 - d) y",
        projected,
        gates(sigmoid, "p h_prev", z="update", d="depth"),
        gates(tanh, "p h_prev", g="candidate"),
        gates(relu, "p h_prev", y="shown"),
        KEPT,
        let(emitted=lambda d, p, y: d * p + (1 - d) * y),
        names={"p": "projected"},
        **case,
    )


def atr(last: Function, printed: str) -> Case:
    """ATR, whose two gates are a sum and a difference."""
    return plain(
        "Zhang et al. 2018, arXiv 1810.12546",
        f"p = W x + b, q = U h_prev + b; {printed}",
        gates(linear, "x", p="seen"),
        gates(linear, "h_prev", q="recalled"),
        let(h=lambda p, q, h_prev: last(sigmoid(p + q) * p + sigmoid(p - q) * h_prev)),
    )


def sgu(deep: bool) -> Case:
    """SGU, and its deep form."""
    return plain(
        "Gao & Glowacka 2016, arXiv 1604.02910, with the code gaoyuankidult/einstein",
        "p = W x + b, q = tanh(U (p h_prev)), z = hard_sigmoid(W x + U h_prev + b); "
        "h = (1 - z) h_prev + z softplus(q h_prev), or sigmoid(V (q h_prev)) for the softplus",
        gates(linear, "x", p="seen"),
        gates(tanh, "p*h_prev", bias=False, q="filter"),
        gates(hard_sigmoid, BOTH, z="update"),
        gates(sigmoid, "q*h_prev", bias=False, g="candidate")
        if deep
        else let(g=lambda q, h_prev: softplus(q * h_prev)),
        WRITTEN,
    )


def tau_gru(delay: int = 5) -> Case:
    """A gated unit that is fed back its state and its input of some steps ago."""
    past: Lines = []
    for name, now in (("lag", "h"), ("back", "x")):
        for k in range(1, delay + 1):
            before = f"{name}_{k - 1}_prev" if k > 1 else f"{now}_prev"
            past += [Let(linear, [before], {f"{name}_{k}": f"{name}_{k}"})]
    ago = f"back_{delay} lag_{delay}"
    return plain(
        "Erichson et al. 2022, arXiv 2212.00228, second hand: tauGRU_Cell, version 1.3",
        "u = tanh(W x + U h_prev + b), g = dt sigmoid(W x + U h_prev + b); "
        "z = tanh(W x_{t-d} + U h_{t-d} + b), a = sigmoid(W x_{t-d} + U h_{t-d} + b); "
        "h = (1 - g) h_prev + g (beta u + alpha a z)",
        *(past, gates(sigmoid, BOTH, g="update"), gates(tanh, BOTH, u="candidate")),
        *(gates(sigmoid, ago, a="weight"), gates(tanh, ago, z="feedback")),
        let(
            g=lambda g: 0.7 * g,
            h=lambda g, h_prev, u, a, z: (1 - g) * h_prev + g * (1.2 * u + 0.8 * a * z),
        ),
        widths={f"back_{k}": 2 for k in range(1, delay + 1)},
        config={"constants": {"dt": 0.7, "alpha": 0.8, "beta": 1.2}},
    )


GRUS = {
    "tau_gru": tau_gru(),
    "rnn": plain(
        "Elman 1990, doi 10.1207/s15516709cog1402_1; with tanh as in Keras",
        "h = tanh(W x + U h_prev + b)",
        *(NEW, let(h=lambda g: g)),
    ),
    "irnn": plain(
        "Le et al. 2015, arXiv 1504.00941",
        "h = relu(W x + U h_prev + b)",
        gates(relu, BOTH, g="candidate"),
        let(h=lambda g: g),
        units=8,  # with few units a step may find them all below zero, and then has no gradient
    ),
    "gru": plain(
        "Cho et al. 2014, arXiv 1406.1078 v3 (z keeps the old state, as there and in Keras)",
        "g = tanh(W x + U (r h_prev) + b); h = z h_prev + (1 - z) g",
        *(RESET, UPDATE, RESET_NEW, KEPT),
    ),
    "gru_reset_after": plain(
        "Cho et al. 2014, arXiv 1406.1078 v1; NVIDIA cuDNN; two biases of r and z are one here",
        "g = tanh(W x + b_g + r (U h_prev + b_a)); h = z h_prev + (1 - z) g",
        *(RESET, UPDATE, gates(linear, "h_prev", a="recurrent"), gates(linear, "x", v="candidate")),
        let(g=lambda v, r, a: tanh(v + r * a)),
        KEPT,
    ),
    "mi_rnn": integrated(
        "h = tanh(M(W x, U h_prev))", mixed(tanh, g="candidate"), let(h=lambda g: g)
    ),
    "mi_gru": integrated(
        "the GRU with M(W x, U u) for W x + U u + b",
        mixed(sigmoid, r="reset", z="update") + mixed(tanh, "r*h_prev", g="candidate"),
        KEPT,
    ),
    "mgu": plain(
        "Zhou et al. 2016, arXiv 1603.09420",
        "f = sigmoid(W x + U h_prev + b), g = tanh(W x + U (f h_prev) + b); "
        "h = (1 - f) h_prev + f g",
        *(FORGET, gates(tanh, "x f*h_prev", g="candidate")),
        let(h=lambda f, h_prev, g: (1 - f) * h_prev + f * g),
    ),
    **reduced(1),
    **reduced(2),
    **reduced(3),
    "mgu_flax": plain(
        "flax.linen.MGUCell",
        "g = tanh(W x + b + f (U h_prev + b')); h = f h_prev + (1 - f) g",
        *(FORGET, gates(linear, "x", v="candidate"), gates(linear, "h_prev", a="recurrent")),
        let(h=lambda f, h_prev, v, a: f * h_prev + (1 - f) * tanh(v + f * a)),
    ),
    "light_ru": plain(
        "Ye et al. 2024, doi 10.3390/electronics13163204",
        "g = tanh(W x + b); h = (1 - f) h_prev + f g",
        *(FORGET, gates(tanh, "x", g="candidate")),
        let(h=lambda f, h_prev, g: (1 - f) * h_prev + f * g),
    ),
    "miru1": plain(
        "Zyarah & Kudithipudi 2026, arXiv 2503.06175",
        "g = tanh(W x + U (r h_prev) + b); h = l h_prev + (1 - l) g, with a constant l",
        *(RESET, RESET_NEW, let(h=lambda h_prev, g: 0.5 * h_prev + 0.5 * g)),
    ),
    "miru2": miru2(),
    "miru2_constants": miru2(
        0.25, 0.75, cell="miru2", config={"constants": {"keep": 0.25, "recall": 0.75}}
    ),
    "janet": janet(1.0),
    "ligru_plain": plain(
        "Ravanelli et al. 2018, arXiv 1803.10225, without its normalisation",
        "z = sigmoid(W x + U h_prev + b), g = relu(W x + U h_prev + b); h = z h_prev + (1 - z) g",
        *(UPDATE, gates(relu, BOTH, g="candidate"), KEPT),
    ),
    "mut1": mut1(gates(linear, "x", bias=False, s="shown")),
    "mut1_equal_widths": mut1(
        let(s=lambda x: x),
        cell="mut1",
        config={"gates": {"shown": {"reads": {"x": "identity"}}}},
        features=4,
    ),
    "mut2": mut2(RESET),
    "mut2_equal_widths": mut2(
        gates(linear, "h_prev", a="reset") + let(r=lambda x, a: sigmoid(x + a)),
        cell="mut2",
        config={"gates": {"reset": {"reads": {"x": "identity", "h_prev": "dense"}}}},
        features=4,
    ),
    "mut3": plain(
        MUT,
        "z = sigmoid(W x + U tanh(h_prev) + b), r and g as in MUT2",
        let(t=lambda h_prev: tanh(h_prev)),
        gates(sigmoid, "x t", z="update"),
        *(RESET, RESET_NEW, WRITTEN),
        names={"t": "tanh(h_prev)"},
    ),
    "rhn": rhn(3),
    "rhn_uncoupled": rhn(3, coupled=False),
    "indy_gru": plain(
        "Gonnet & Deselaers 2019, arXiv 1903.08023",
        "r, z = sigmoid(W x + u h_prev + b), g = tanh(W x + u (r h_prev) + b), u a vector; "
        "h = z h_prev + (1 - z) g",
        gates(sigmoid, "x", "h_prev", r="reset", z="update"),
        gates(tanh, "x", "r*h_prev", g="candidate"),
        KEPT,
    ),
    "para_gru": plain(
        "Danieli et al. 2025, arXiv 2510.21450",
        "gates and g of indy_gru; h = (1 - z) h_prev + z g",
        gates(sigmoid, "x", "h_prev", r="reset", z="update"),
        gates(tanh, "x", "r*h_prev", g="candidate"),
        WRITTEN,
    ),
    "brc": plain(
        "Vecoven et al. 2021, arXiv 2006.05252 (biases as in the authors' code)",
        "a = 1 + tanh(W x + u h_prev + b), z = sigmoid(W x + u h_prev + b), u a vector; "
        "h = z h_prev + (1 - z) tanh(W x + a h_prev)",
        gates(lambda a: 1 + tanh(a), "x", "h_prev", a="feedback"),
        gates(sigmoid, "x", "h_prev", z="update"),
        gates(linear, "x", bias=False, v="seen"),
        let(h=lambda z, h_prev, v, a: z * h_prev + (1 - z) * tanh(v + a * h_prev)),
    ),
    "nbrc": plain(
        "Vecoven et al. 2021, arXiv 2006.05252 (biases as in the authors' code)",
        "brc with a matrix for each u",
        gates(lambda a: 1 + tanh(a), BOTH, a="feedback"),
        gates(sigmoid, BOTH, z="update"),
        gates(linear, "x", bias=False, v="seen"),
        let(h=lambda z, h_prev, v, a: z * h_prev + (1 - z) * tanh(v + a * h_prev)),
    ),
    "ugrnn": plain(
        "Collins et al. 2017, arXiv 1611.09913",
        "z = sigmoid(W x + U h_prev + b); h = z h_prev + (1 - z) g",
        *(UPDATE, NEW, KEPT),
    ),
    "intersection_rnn": intersection(gates(linear, "x", p="projected")),
    "intersection_rnn_equal_widths": intersection(
        let(p=lambda x: x),
        cell="intersection_rnn",
        config={"gates": {"projected": {"reads": {"x": "identity"}, "bias": False}}},
        features=4,
    ),
    "cfn": plain(
        "Laurent & von Brecht 2017, arXiv 1612.06212",
        "f, i = sigmoid(W x + U h_prev + b); h = f tanh(h_prev) + i tanh(W x)",
        *(FORGET, INPUT, gates(linear, "x", bias=False, v="candidate")),
        let(h=lambda f, h_prev, i, v: f * tanh(h_prev) + i * tanh(v)),
    ),
    "minimal_rnn": plain(
        "Chen 2017, arXiv 1711.06788",
        "v = tanh(W x + b), u = sigmoid(U h_prev + V v + b); h = u h_prev + (1 - u) v",
        gates(tanh, "x", v="latent"),
        gates(sigmoid, "h_prev v", u="update"),
        let(h=lambda u, h_prev, v: u * h_prev + (1 - u) * v),
    ),
    "ran": plain(
        "Lee et al. 2017, arXiv 1705.07393",
        "c = f c_prev + i W x, h = tanh(c)",
        *(INPUT, FORGET, gates(linear, "x", bias=False, g="content"), MEMORY),
        let(h=lambda c: tanh(c)),
    ),
    "atr": atr(linear, "h = sigmoid(p + q) p + sigmoid(p - q) h_prev"),
    "atr_tanh": atr(tanh, "h = tanh(sigmoid(p + q) p + sigmoid(p - q) h_prev)"),
    "lrn": plain(
        "Zhang & Sennrich 2019, arXiv 1905.13324",
        "q, k, v = W x + b; h = tanh(sigmoid(q + h_prev) v + sigmoid(k - h_prev) h_prev)",
        gates(linear, "x", q="query", k="key", v="value"),
        let(h=lambda q, k, v, h_prev: tanh(sigmoid(q + h_prev) * v + sigmoid(k - h_prev) * h_prev)),
    ),
    "star": plain(
        "Turkoglu et al. 2022, arXiv 1911.11033",
        "k = sigmoid(W x + U h_prev + b), v = tanh(W x + b); h = tanh((1 - k) h_prev + k v)",
        gates(sigmoid, BOTH, k="update"),
        gates(tanh, "x", v="candidate"),
        let(h=lambda k, h_prev, v: tanh((1 - k) * h_prev + k * v)),
    ),
    "star_janet": plain(
        "Turkoglu et al. 2022, arXiv 1911.11033, as the authors run it",
        "h = tanh(sigmoid(s) h_prev + (1 - sigmoid(s - 1)) v)",
        gates(linear, BOTH, s="forget"),
        gates(tanh, "x", v="candidate"),
        let(h=lambda s, h_prev, v: tanh(sigmoid(s) * h_prev + (1 - sigmoid(s - 1)) * v)),
    ),
    "sgrn": plain(
        "Zu & Wei 2020, doi 10.1049/gtd2.12056",
        "p = W x + b, f = sigmoid(p + U h_prev + b); h = tanh((1 - f) p + f h_prev)",
        gates(linear, "x", p="seen"),
        gates(linear, "h_prev", a="forget"),
        let(
            f=lambda p, a: sigmoid(p + a),
            h=lambda f, p, h_prev: tanh((1 - f) * p + f * h_prev),
        ),
    ),
    "sgu": sgu(deep=False),
    "dsgu": sgu(deep=True),
    "fast_rnn": plain(
        "Kusupati et al. 2018, arXiv 1901.02358",
        "h = sigmoid(beta) h_prev + sigmoid(alpha) tanh(W x + U h_prev + b)",
        NEW,
        let(h=lambda beta, h_prev, alpha, g: sigmoid(beta) * h_prev + sigmoid(alpha) * g),
        own={"alpha": 1, "beta": 1},
    ),
    "fast_grnn": plain(
        "Kusupati et al. 2018, arXiv 1901.02358",
        "a = W x + U h_prev, z = sigmoid(a + b_z), g = tanh(a + b_g); "
        "h = z h_prev + (sigmoid(zeta) (1 - z) + sigmoid(nu)) g",
        gates(linear, BOTH, bias=False, a="shared"),
        gates(linear, b_z="update", b_g="candidate"),
        let(
            z=lambda a, b_z: sigmoid(a + b_z),
            h=lambda z, h_prev, zeta, nu, a, b_g: (
                z * h_prev + (sigmoid(zeta) * (1 - z) + sigmoid(nu)) * tanh(a + b_g)
            ),
        ),
        own={"zeta": 1, "nu": 1},
    ),
    "gru_d": plain(
        "Che et al. 2018, doi 10.1038/s41598-018-24271-9, second hand: as the paper is quoted; the "
        "first author's code feeds 1 - m, and keeps h_prev where this keeps h'",
        "last = m x + (1 - m) last_prev; fade = exp(-max(0, w elapsed + b)); "
        "x' = m x + (1 - m) (fade last + (1 - fade) average); h' = exp(-max(0, W elapsed + b)) "
        "h_prev; r, z and c read x', h' and m; h = (1 - z) h' + z c",
        gates(lambda a: exp(-relu(a)), "elapsed", d="decay"),
        let(
            last=lambda mask, x, last_prev: mask * x + (1 - mask) * last_prev,
            k=lambda fade, elapsed, fade_bias: exp(-relu(fade * elapsed + fade_bias)),
            filled=lambda mask, x, k, last, average: (
                mask * x + (1 - mask) * (k * last + (1 - k) * average)
            ),
            decayed=lambda d, h_prev: d * h_prev,
        ),
        gates(sigmoid, "filled decayed mask", r="reset", z="update"),
        gates(tanh, "filled r*decayed mask", g="candidate"),
        let(h=lambda z, decayed, g: (1 - z) * decayed + z * g),
        own={"fade": 2, "fade_bias": 2},
        widths={"last": 2, "filled": 2},
        inputs={"mask": 2, "elapsed": 2, "average": 2},
        # A rectifier is flat on one side: there, elapsed and average have no influence.
        flat=("x",),
    ),
}


# Cells whose gates read no state, or whose steps are those of a differential equation.


def hgrn(lower: float, **case: Any) -> Case:
    """HGRN with real states; ``lower`` is the layer's lower bound of the forget gate."""
    return plain(
        "Qin et al. 2023, arXiv 2311.04823, with real states as in the second author's code",
        "f = sigmoid(W x), k = lower + (1 - lower) f; h = k h_prev + (1 - k) silu(V x); "
        "out = silu(G x) s h / rms(h), rms(h) = sqrt(mean(h^2) + 1e-5)",
        gates(sigmoid, "x", bias=False, f="forget"),
        gates(silu, "x", bias=False, v="candidate", g="output"),
        let(
            k=lambda f: lower + (1 - lower) * f,
            h=lambda k, h_prev, v: k * h_prev + (1 - k) * v,
            rms=lambda h: sqrt(np.mean(h * h, axis=-1, keepdims=True) + 1e-5),
            out=lambda g, scale, h, rms: g * scale * h / rms,
        ),
        own={"scale": None},
        **case,
    )


def sru(first: bool, skip: Lines, **case: Any) -> Case:
    """SRU, or its first version; ``skip`` is x, projected where it is not as wide as the cell."""
    return plain(
        "Lei et al. 2018, arXiv 1709.02755",
        "f, r = sigmoid(W x + v c_prev + b), c = f c_prev + (1 - f) W x, h = r c + (1 - r) x; "
        "first version: without v, and tanh(c) for c",
        gates(sigmoid, "x", "" if first else "c_prev", f="forget", r="reset"),
        gates(linear, "x", bias=False, g="candidate"),
        *(skip, COUPLED),
        let(h=lambda r, c, s: r * (tanh(c) if first else c) + (1 - r) * s),
        **case,
    )


def lem(dt: float, **case: Any) -> Case:
    """LEM: two states with time steps of their own."""
    return plain(
        "Rusch et al. 2022, arXiv 2110.04744",
        "s, q = dt sigmoid(A), c = (1 - s) c_prev + s tanh(A); "
        "h = (1 - q) h_prev + q tanh(W x + V c + b)",
        gates(lambda a: dt * sigmoid(a), BOTH, q="fast", s="slow"),
        gates(tanh, BOTH, m="memory"),
        let(c=lambda s, c_prev, m: (1 - s) * c_prev + s * m),
        gates(tanh, "x c", g="candidate"),
        let(h=lambda q, h_prev, g: (1 - q) * h_prev + q * g),
        **case,
    )


def cfc(mode: str, last: Lines, **more: Any) -> Case:
    """Closed-form networks; the time between steps differs from the default."""
    width = 5
    return plain(
        "Hasani et al. 2022, arXiv 2106.13898",
        "b = 1.7159 tanh(0.666 (W x + U h_prev + b)); f, g = tanh(W b + b), "
        "s = sigmoid((W b + b) dt + (W b + b)); h = f (1 - s) + s g; without the gate h = f + s g; "
        "pure: f = W b + b, h = A - A exp(-dt (|rate| + |f|)) f",
        gates(lambda a: 1.7159 * tanh(0.666 * a), BOTH, width=lambda units: width, b="backbone"),
        last,
        cell=mode,
        config={"constants": {"dt": DT, "backbone_units": width}},
        **more,
    )


DT = 0.7
CFC = gates(tanh, "b", f="start", g="goal") + gates(linear, "b", k="time_scale", q="time_shift")
CFC += let(s=lambda k, q: sigmoid(k * DT + q))


def esn(leak: float) -> Case:
    """The echo state network, of which no weight is trained."""
    return plain(
        "Jaeger 2001, GMD report 148; Jaeger et al. 2007, doi 10.1016/j.neunet.2007.04.016",
        "h = (1 - leak) h_prev + leak tanh(W x + U h_prev + b)",
        gates(linear, BOTH, bias=False, a="drive"),
        let(h=lambda h_prev, a, offset: (1 - leak) * h_prev + leak * tanh(a + offset)),
        own={"offset": None},
    )


TYPED = gates(linear, "x x_prev", z="candidate") + gates(sigmoid, "x x_prev", f="forget")
TYPED += gates(tanh, "x x_prev", o="output")
POOLED = gates(tanh, "x x_prev", g="candidate") + gates(sigmoid, "x x_prev", f="forget")
POOLED_OUTPUT = gates(sigmoid, "x x_prev", o="output")
BRADBURY = "Bradbury et al. 2017, arXiv 1611.01576; a convolution of width 2"
BALDUZZI = "Balduzzi & Ghifary 2016, arXiv 1602.02218"

LINEAR = {
    "mingru": plain(
        "Feng et al. 2024, arXiv 2410.01201, with the positive candidate of the log-space form",
        "z = sigmoid(W x + b), g = a + 1/2 where a = W x + b >= 0, else sigmoid(a); "
        "h = (1 - z) h_prev + z g",
        gates(sigmoid, "x", z="update"),
        gates(positive, "x", g="candidate"),
        WRITTEN,
    ),
    "minlstm": plain(
        "Feng et al. 2024, arXiv 2410.01201",
        "f, i = sigmoid(W x + b); h = f / (f + i) h_prev + i / (f + i) g, g as in minGRU",
        gates(sigmoid, "x", f="forget", i="input"),
        gates(positive, "x", g="candidate"),
        let(h=lambda f, i, h_prev, g: f / (f + i) * h_prev + i / (f + i) * g),
    ),
    "gilr": plain(
        "Martin & Cundy 2018, arXiv 1709.04057",
        "g = sigmoid(W x + b); h = g h_prev + (1 - g) tanh(V x + c)",
        gates(sigmoid, "x", f="forget"),
        gates(tanh, "x", v="candidate"),
        let(h=lambda f, h_prev, v: f * h_prev + (1 - f) * v),
    ),
    "ssru": plain(
        "Kim et al. 2019, doi 10.18653/v1/D19-5632",
        "f = sigmoid(W x + b), c = f c_prev + (1 - f) V x; h = relu(c)",
        gates(sigmoid, "x", f="forget"),
        gates(linear, "x", bias=False, g="candidate"),
        COUPLED,
        let(h=lambda c: relu(c)),
    ),
    "hgrn": hgrn(0.0),
    "hgrn_lower_bound": hgrn(0.25, cell="hgrn", config={"constants": {"lower_bound": 0.25}}),
    "ind_rnn": plain(
        "Li et al. 2018, arXiv 1803.04831",
        "h = relu(W x + b + u h_prev), u a vector",
        gates(linear, "x", v="seen"),
        let(h=lambda v, recurrent, h_prev: relu(v + recurrent * h_prev)),
        own={"recurrent": None},
        units=8,  # as irnn
    ),
    "layer_norm_ind_rnn": plain(
        "Li et al. 2018, arXiv 1803.04831",
        "h = tanh(s N(W x) + b + u h_prev), N of mean 0 and variance 1",
        gates(linear, "x", bias=False, v="seen"),
        let(
            h=lambda s, v, b, recurrent, h_prev: tanh(
                s * normalised(v, 1e-5) + b + recurrent * h_prev
            )
        ),
        own={"recurrent": None, "s": None, "b": None},
        names={"s": "seen.x.scale", "b": "seen.bias"},
    ),
    "sru": sru(False, gates(linear, "x", bias=False, s="skip")),
    "sru_highway": sru(
        False,
        let(s=lambda x: x),
        cell="sru",
        config={"gates": {"skip": {"reads": {"x": "identity"}}}},
        features=4,
    ),
    "sru_v1": sru(True, gates(linear, "x", bias=False, s="skip")),
    "trnn": plain(
        BALDUZZI,
        "z = W x + b, f = sigmoid(W x + b); h = f h_prev + (1 - f) z",
        gates(sigmoid, "x", f="forget"),
        gates(linear, "x", z="candidate"),
        let(h=lambda f, h_prev, z: f * h_prev + (1 - f) * z),
    ),
    "tgru": plain(
        BALDUZZI,
        "z, f, o of W x + V x_prev + b, linear, sigmoid, tanh; h = f h_prev + z o",
        *(TYPED, let(h=lambda f, h_prev, z, o: f * h_prev + z * o)),
    ),
    "tlstm": plain(
        BALDUZZI,
        "the same z, f, o; c = f c_prev + (1 - f) z, h = c o",
        *(TYPED, let(c=lambda f, c_prev, z: f * c_prev + (1 - f) * z, h=lambda c, o: c * o)),
    ),
    "qrnn_f": plain(
        BRADBURY,
        "z = tanh(W x + V x_prev + b), f = sigmoid(W x + V x_prev + b); h = f h_prev + (1 - f) z",
        *(POOLED, let(h=lambda f, h_prev, g: f * h_prev + (1 - f) * g)),
    ),
    "qrnn": plain(
        BRADBURY,
        "fo-pooling: c = f c_prev + (1 - f) z, h = o c",
        *(POOLED, POOLED_OUTPUT, COUPLED, let(h=lambda o, c: o * c)),
    ),
    "qrnn_ifo": plain(
        BRADBURY,
        "ifo-pooling: c = f c_prev + i z, h = o c",
        *(POOLED, POOLED_OUTPUT, gates(sigmoid, "x x_prev", i="input"), MEMORY),
        let(h=lambda o, c: o * c),
    ),
    "rg_lru": plain(
        "De et al. 2024, arXiv 2402.19427; the first step as in the authors' code",
        "v = W x + b; r, i = sigmoid(U v + b), log a = -8 r softplus(decay); "
        "h = a h_prev + sqrt(1 - a^2) i v, without the square root at the first step",
        gates(linear, "x", v="value"),
        gates(sigmoid, "v", r="recurrence", i="input"),
        let(
            a=lambda r, decay: exp(-8 * r * softplus(decay)),
            write=lambda t_prev, a: np.where(np.real(t_prev) == 0, 1.0, sqrt(1 - a**2)),
            t=lambda t_prev: t_prev + 1,
            h=lambda a, h_prev, write, i, v: a * h_prev + write * i * v,
        ),
        own={"decay": None},
        widths={"t": 1},
        start=lambda rng, batch, units: {"t": np.zeros((batch, 1))},
        flat=("t",),  # a count of steps that acts as a switch only
    ),
    "lru": plain(
        "Orvieto et al. 2023, arXiv 2303.06349; complex numbers as pairs, minus the imaginary C",
        "lambda = exp(-nu + i theta), s = lambda s_prev + gain sqrt(1 - |lambda|^2) (B x); "
        "y = Re(C s) + D x",
        gates(linear, "x", bias=False, b_re="drive_re", b_im="drive_im"),
        let(
            r=lambda nu: exp(-exp(nu)),
            cos=lambda r, theta: r * np.cos(exp(theta)),
            sin=lambda r, theta: r * np.sin(exp(theta)),
            gamma=lambda gain, r: exp(gain) * sqrt(1 - r**2),
            re=lambda cos, re_prev, sin, im_prev, gamma, b_re: (
                cos * re_prev - sin * im_prev + gamma * b_re
            ),
            im=lambda sin, re_prev, cos, im_prev, gamma, b_im: (
                sin * re_prev + cos * im_prev + gamma * b_im
            ),
        ),
        gates(linear, "re im x", bias=False, y="output"),
        own={"nu": None, "theta": None, "gain": None},
    ),
    "lmu": plain(
        "Voelker, Kajic & Eliasmith 2019, NeurIPS 32, equations 4 to 6",
        "u = e_x x + e_h h_prev + e_m m_prev, one number; m = A m_prev + B u with fixed A and B; "
        "h = tanh(W_x x + W_h h_prev + W_m m)",
        gates(linear, "x h_prev m_prev", bias=False, width=lambda units: 1, u="encoder"),
        gates(linear, "m_prev u", bias=False, width=lambda units: 3, m="memory"),
        gates(tanh, "x h_prev m", bias=False, h="h"),
        config={"constants": {"order": 3}},
    ),
    "scrn": plain(
        "Mikolov et al. 2014, arXiv 1412.7753; y is the decoder's input, without its softmax",
        "s = (1 - alpha) B x + alpha s_prev, h = sigmoid(P s + A x + R h_prev), y = U h + V s",
        gates(linear, "x", bias=False, width=lambda units: units // 2, b="slow"),
        let(s=lambda b, s_prev: 0.05 * b + 0.95 * s_prev),
        gates(sigmoid, "s x h_prev", bias=False, h="h"),
        gates(linear, "h s", bias=False, y="readout"),
        names={"s": "context"},
        widths={"s": 2},
    ),
    "lem": lem(1.0),
    "lem_half": lem(0.5, cell="lem", config={"constants": {"dt": 0.5}}),
    "cornn": plain(
        "Rusch & Mishra 2021, arXiv 2010.00951",
        "c = c_prev + dt (tanh(W x + U h_prev + V c_prev + b) - gamma h_prev - epsilon c_prev), "
        "h = h_prev + dt c",
        gates(tanh, "x h_prev c_prev", a="force"),
        let(
            c=lambda c_prev, a, h_prev: c_prev + 0.042 * (a - 2.7 * h_prev - 4.7 * c_prev),
            h=lambda h_prev, c: h_prev + 0.042 * c,
        ),
    ),
    "unicornn": plain(
        "Rusch & Mishra 2021, arXiv 2103.05487",
        "e = dt sigmoid(pace), c = c_prev - e (tanh(u h_prev + W x + b) + alpha h_prev), "
        "h = h_prev + e c",
        gates(linear, "x", v="seen"),
        let(
            e=lambda pace: 0.19 * sigmoid(pace),
            c=lambda c_prev, e, recurrent, h_prev, v: (
                c_prev - e * (tanh(recurrent * h_prev + v) + 30.65 * h_prev)
            ),
            h=lambda h_prev, e, c: h_prev + e * c,
        ),
        own={"pace": None, "recurrent": None},
    ),
    "cfc": cfc("cfc", [*CFC, *let(h=lambda f, s, g: f * (1 - s) + s * g)]),
    "cfc_no_gate": cfc("cfc_no_gate", [*CFC, *let(h=lambda f, s, g: f + s * g)]),
    "cfc_pure": cfc(
        "cfc_pure",
        [
            *gates(linear, "b", f="start"),
            *let(
                h=lambda rate, level, f: (
                    level - level * exp(-DT * (absolute(rate) + absolute(f))) * f
                )
            ),
        ],
        own={"rate": None, "level": None},
    ),
    "esn": esn(1.0),
    "leaky_esn": esn(0.3),
}

CASES = {**LSTMS, **GRUS, **LINEAR}
