"""Cells with large states, most a matrix in each head: rows, which ``loop.py`` computes.

Queries, keys and values are batch x heads x d, and h is S^T q in each head unless a row says
otherwise; a state is kept flat. ``rate`` and the like enter through exp.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy import exp, log, sqrt, tanh

from .case import Case
from .functions import (
    Array,
    absolute,
    log_sigmoid,
    maximum,
    normalised,
    sigmoid,
    silu,
    softmax,
    softplus,
)
from .loop import Function, Let, Lines, gates, let, plain
from .plain import linear, relu

HEADS, SIZE, LOWER = 2, 3, 0.25
BRANCHES = ("receptance", "key", "value", "decay")


def cut(a: Array, heads: int = HEADS) -> Array:
    """Batch x (heads d) as batch x heads x d."""
    return a.reshape(len(a), heads, -1)


def flat(a: Array) -> Array:
    """All axes but the first as one."""
    return a.reshape(len(a), -1)


def grid(S: Array, rows: Array) -> Array:
    """A flat state with the axes of its rows, and an axis for the rest."""
    return S.reshape(*rows.shape, -1)


def outer(a: Array, b: Array) -> Array:
    """The product of each element of a's last axis with each of b's."""
    return a[..., :, None] * b[..., None, :]


def read(S: Array, q: Array) -> Array:
    """S^T q in each head, flat."""
    return flat(np.einsum("bhij,bhi->bhj", grid(S, q), q))


def scaled(S: Array, q: Array) -> Array:
    """S^T q / sqrt(d) in each head, flat."""
    return read(S, q) / sqrt(q.shape[-1])


def unit(a: Array, eps: float = 1e-6) -> Array:
    """Vectors along the last axis divided by the root of their squared length plus eps."""
    return np.asarray(a / sqrt(np.sum(a * a, axis=-1, keepdims=True) + eps))


def feature_map(a: Array) -> Array:
    """elu(a) + 1: a + 1 above zero, exp(a) below."""
    positive = np.real(a) > 0
    return np.where(positive, a + 1, exp(np.where(positive, 0.0, a)))


def memory(
    source: str,
    printed: str,
    *lines: Lines,
    constants: Mapping[str, float] = {},
    **case: Any,
) -> Case:
    """A row with heads, whose state S is a square matrix in each of them."""
    case = {"widths": {"S": 8}, "config": {"constants": {"heads": HEADS, **constants}}} | case
    return plain(source, printed, *lines, **case)


def one(units: int) -> int:
    """The width of a gate with a number for each head."""
    return HEADS


def half(units: int) -> int:
    """The width of a gate that is half as wide as the cell."""
    return units // 2


def seen(S: Array, u: Array, q: Array) -> Array:
    """What the rows of S, which are as many as u has numbers, read with q."""
    return np.asarray(np.sum(grid(S, u) * q[..., None, :], axis=-1))


# The lines that several rows share.
def heads_of(activation: Function, **names: str) -> Lines:
    """Gates of the input without a bias, cut into heads."""
    return gates(lambda a: cut(activation(a)), "x", bias=False, **names)


QK, V = heads_of(linear, q="query", k="key"), heads_of(linear, v="value")
SILU_QK, SILU_V = heads_of(silu, q="query", k="key"), heads_of(silu, v="value")
UNIT_QK = gates(lambda a: unit(cut(silu(a))), "x", bias=False, q="query", k="key")
BETA = gates(lambda a: sigmoid(a)[..., None], "x", bias=False, width=one, beta="beta")
STEP = gates(softplus, "x", width=one, s="step")
DECAY = let(a=lambda rate, s: exp(-exp(rate) * s)[..., None])
KEPT = let(kept=lambda a, S_prev: flat(a * cut(S_prev)))
THIN = gates(linear, "x", bias=False, width=lambda units: units // HEADS, thin="thin")
WIDE_STEP = gates(lambda a: cut(softplus(a)), "thin", s="step")
WIDE_DECAY = let(
    a=lambda rate, s: exp(-exp(rate)[:, None] * s),
    kept=lambda a, S_prev: flat(a[..., None] * grid(S_prev, a)),
)
CORRECTED = let(S=lambda kept, k, beta, v: kept + flat(outer(k, beta * (v - cut(read(kept, k))))))
SCALED = let(h=scaled)
DECAYED = "a = exp(-exp(rate) softplus(W x + b))"


def solved(system: Array, q: Array, tiny: float = 1e-5) -> Array:
    """Four steps of conjugate gradients from 0, with a small number under each fraction.

    r = p = q; a = |r|^2 / (p^T system p), x = x + a p, r' = r - a system p,
    p = r' + |r'|^2 / |r|^2 p
    """
    found, r, p = np.zeros_like(q), q, q
    for _ in range(4):
        pushed = np.einsum("bhij,bhj->bhi", system, p)
        size = np.sum(r * r, axis=-1, keepdims=True)
        a = size / (np.sum(p * pushed, axis=-1, keepdims=True) + tiny)
        found, r = found + a * p, r - a * pushed
        p = r + np.sum(r * r, axis=-1, keepdims=True) / (size + tiny) * p
    return found


def delta_product(heads: int, steps: int = 2) -> Case:
    """Gated DeltaNet with several corrections in each step."""

    def vectors(function: Function, **names: str) -> Lines:
        return gates(lambda a: function(cut(silu(a), heads)), "x", bias=False, **names)

    def scalar(activation: Function, bias: bool, **names: str) -> Lines:
        return gates(activation, "x", bias=bias, width=lambda units: heads, **names)

    def reflected(S: Array, k: Array, v: Array, beta: Array) -> Array:
        return flat(grid(S, k) + outer(beta * k, v - cut(read(S, k), heads)))

    lines = vectors(unit, q="query") + scalar(softplus, True, s="step")
    lines += let(
        S0=lambda rate, s, S_prev: flat(exp(-exp(rate) * s)[..., None] * cut(S_prev, heads))
    )
    for i in range(1, steps + 1):
        lines += vectors(unit, **{f"k{i}": f"key_{i}"}) + vectors(linear, **{f"v{i}": f"value_{i}"})
        lines += scalar(lambda a: 2 * sigmoid(a)[..., None], False, **{f"beta{i}": f"beta_{i}"})
        after = "S" if i == steps else f"S{i}"
        lines += [Let(reflected, [f"S{i - 1}", f"k{i}", f"v{i}", f"beta{i}"], {after: after})]
    return plain(
        "Siems et al. 2025, arXiv 2502.10297, equations 2 and 3, with the gate of section 3",
        "q, k_i = unit length of silu(W x); v_i = silu(W x); beta_i = 2 sigmoid(W x), for each "
        f"head; S_0 = a S_prev, {DECAYED}; "
        "S_i = (I - beta_i k_i k_i^T) S_{i-1} + beta_i k_i v_i^T; h = S_n^T q / sqrt(d)",
        *(lines, SCALED),
        own={"rate": heads},
        units=8,
        widths={"S": 8**2 // heads},
    )


def mlstm(capped: bool) -> Case:
    """The memory of the xLSTM family, or of xLSTM 7B, whose gates are ``capped``."""
    bias = not capped
    width = half if capped else lambda units: units

    def own(a: Array) -> Array:
        return 15 * tanh(a / 15) if capped else a

    return memory(
        "Beck et al. 2024, arXiv 2405.04517, eps = 1e-6 from the authors' code; xLSTM 7B: Beck et "
        "al. 2025, arXiv 2503.13427, and the authors' code (xlstm/xlstm_large/model.py)",
        "q, v = W x + b; k = (W x + b) / sqrt(d); o = sigmoid(W x + b); i~, f~ = W x + b, for each "
        "head; m = max(log sigmoid(f~) + m_prev, i~); f = exp(log sigmoid(f~) + m_prev - m); "
        "i = exp(i~ - m); C = f C_prev + i k v^T; n = f n_prev + i k; "
        "h = o (C^T q) / (max(|n^T q|, exp(-m)) + eps); in xLSTM 7B, i~ and f~ go through "
        "15 tanh(a / 15), q and k are half as wide as v, and only i~ and f~ have a bias",
        gates(cut, "x", bias=bias, width=width, q="query", k="key"),
        gates(cut, "x", bias=bias, v="value"),
        gates(sigmoid, "x", bias=bias, o="output"),
        gates(own, "x", width=one, i="input"),
        gates(lambda a: log_sigmoid(own(a)), "x", width=one, f="forget"),
        let(
            k=lambda k: k / sqrt(k.shape[-1]),
            m=lambda f, m_prev, i: maximum(f + m_prev, i),
            keep=lambda f, m_prev, m: exp(f + m_prev - m)[..., None],
            write=lambda i, m: exp(i - m)[..., None],
            C=lambda keep, C_prev, write, k, v: (
                flat(keep * cut(C_prev)) + flat(outer(write * k, v))
            ),
            n=lambda keep, n_prev, write, k: flat(keep * cut(n_prev) + write * k),
            below=lambda n, q, m: maximum(absolute(np.sum(cut(n) * q, axis=-1)), exp(-m)) + 1e-6,
            h=lambda o, C, q, below: o * flat(cut(read(C, q)) / below[..., None]),
        ),
        widths={"m": HEADS, "C": 4 if capped else 8, "n": 2 if capped else 4},
    )


ATTENTION = {
    "linear_attention": memory(
        "Katharopoulos et al. 2020, arXiv 2006.16236, equations 16 to 20; 1e-6: the authors' code",
        "q, k = elu(W x) + 1; v = W x; S = S_prev + k v^T; z = z_prev + k; "
        "h = (S^T q) / (z^T q + 1e-6)",
        gates(lambda a: cut(feature_map(a)), "x", bias=False, q="query", k="key"),
        V,
        let(
            S=lambda S_prev, k, v: S_prev + flat(outer(k, v)),
            z=lambda z_prev, k: z_prev + flat(k),
            h=lambda S, z, q: flat(cut(read(S, q)) / (np.sum(cut(z) * q, -1)[..., None] + 1e-6)),
        ),
        start=lambda rng, batch, units: {"z": 0.5 + rng.random((batch, units))},
    ),
    "gla": memory(
        "Yang et al. 2023, arXiv 2312.06635",
        "q, k, v = W x; a = sigmoid(R L x + b)^(1/16); S = diag(a) S_prev + k v^T; "
        "h = S^T q / sqrt(d)",
        *(QK, V),
        let(
            a=lambda x, L, R, b: cut(sigmoid(x @ L @ R + b) ** (1 / 16)),
            S=lambda a, S_prev, k, v: flat(a[..., None] * grid(S_prev, k) + outer(k, v)),
        ),
        SCALED,
        own={"L": (2, 16), "R": (16, 4), "b": None},
        names={"L": "forget.x.left", "R": "forget.x.right", "b": "forget.bias"},
    ),
    "hgrn2": memory(
        "Qin et al. 2024, arXiv 2404.07904",
        "f = lower + (1 - lower) sigmoid(W x); i = W x; o = silu(W x); "
        "S = diag(f) S_prev + (1 - f) i^T; h = S^T o",
        gates(lambda a: cut(silu(a)), "x", bias=False, o="output"),
        gates(lambda a: cut(LOWER + (1 - LOWER) * sigmoid(a)), "x", bias=False, f="forget"),
        gates(cut, "x", bias=False, i="input"),
        let(
            S=lambda f, S_prev, i: flat(f[..., None] * grid(S_prev, f) + outer(1 - f, i)),
            h=lambda S, o: read(S, o),
        ),
        constants={"lower": LOWER},
    ),
    "gsa": memory(
        "Zhang et al. 2024, arXiv 2409.07146, with tau = 8 and queries that are not scaled, as in "
        "the authors' layer (flash-linear-attention)",
        "q, k, v = silu(W x); f = sigmoid(W x)^(1/tau), a number for each slot of each head; "
        "K[m] = f[m] K_prev[m] + (1 - f[m]) k; V[m] = f[m] V_prev[m] + (1 - f[m]) v; "
        "h = sum over slots of softmax(K q)[m] V[m]",
        *(SILU_QK, SILU_V),
        gates(
            lambda a: cut(exp(log_sigmoid(a) / 8)),
            "x",
            bias=False,
            width=lambda units: HEADS * SIZE,
            f="forget",
        ),
        let(
            K=lambda f, K_prev, k: flat(f[:, :, None] * grid(K_prev, k) + outer(k, 1 - f)),
            V=lambda f, V_prev, v: flat(f[..., None] * grid(V_prev, f) + outer(1 - f, v)),
            h=lambda K, V, q: read(V, softmax(cut(read(K, q)))),
        ),
        widths={"K": 4 * SIZE, "V": 4 * SIZE},
        constants={"slots": SIZE},
    ),
    "m2rnn": memory(
        "Mishra et al. 2026, arXiv 2603.14360, as in the authors' code (open-lm-engine/lm-engine, "
        "sequence_mixer_blocks/m2rnn/op.py and module.py)",
        "q, k, v = W x; f = exp(-exp(rate) softplus(W x + b)) of each head; "
        "Z = tanh(S_prev U + k v^T); S = f S_prev + (1 - f) Z; h = S^T q + D v",
        *(QK, V, STEP, DECAY),
        let(
            Z=lambda S_prev, turn, k, v: tanh(
                grid(S_prev, k) @ turn.reshape(2, 2, 2) + outer(k, v)
            ),
            S=lambda a, S_prev, Z, k: flat(a[..., None] * (grid(S_prev, k) - Z) + Z),
            h=lambda S, q, skip, v: read(S, q) + skip * flat(v),
        ),
        own={"rate": HEADS, "turn": 8, "skip": None},
    ),
}
DELTA = {
    "delta_net": memory(
        "Schlag et al. 2021, arXiv 2102.11174; Yang et al. 2024, arXiv 2406.06484; the unit length "
        "has 1e-6 under its root, as in the authors' code",
        "q, k = unit length of silu(W x); v = silu(W x); beta = sigmoid(W x), for each head; "
        "S = S_prev + beta k (v - S_prev^T k)^T; h = S^T q / sqrt(d)",
        *(UNIT_QK, SILU_V, BETA),
        let(kept=lambda S_prev: S_prev),
        *(CORRECTED, SCALED),
    ),
    "gated_delta_net": memory(
        "Yang et al. 2024, arXiv 2412.06464",
        f"delta_net with a S_prev for S_prev; {DECAYED} for each head",
        *(UNIT_QK, SILU_V, BETA, STEP, DECAY, KEPT, CORRECTED, SCALED),
        own={"rate": HEADS},
    ),
    "gated_delta_product": delta_product(heads=4),
    "kda": memory(
        "Kimi Team 2025, arXiv 2510.26692, and its token-by-token reference in "
        "flash-linear-attention",
        "S = (I - beta k k^T) diag(a) S_prev + beta k v^T; a = exp(-exp(rate) softplus(R L x + b)) "
        "for each channel",
        *(UNIT_QK, SILU_V, BETA, THIN, WIDE_STEP, WIDE_DECAY, CORRECTED, SCALED),
        own={"rate": HEADS},
    ),
    "preconditioned_kda": memory(
        "Tumma et al. 2026, arXiv 2604.21100, in the token-by-token reference of the authors' code "
        "(preconditioned-deltanet)",
        "S = (I - beta (k / M) k^T) diag(a) S_prev + beta (k / M) v^T; M = 1.5^(l / (1 + |l|)); "
        "l = log(n + eps) - center; n = b n_prev + sigmoid(W x) k^2; b = exp(-exp(fade) "
        "softplus(W x + b)) for each head; a as in kda",
        *(UNIT_QK, SILU_V, BETA, THIN, WIDE_STEP, WIDE_DECAY),
        gates(lambda a: softplus(a)[..., None], "x", width=one, p="pace"),
        gates(lambda a: sigmoid(a)[..., None], "x", bias=False, width=one, u="weight"),
        let(
            n=lambda fade, p, u, n_prev, k: flat(
                exp(-exp(fade)[:, None] * p) * cut(n_prev) + u * k * k
            ),
            level=lambda n, center: log(cut(n) + 1e-6) - center[:, None],
            m=lambda k, level: k / 1.5 ** (level / (1 + absolute(level))),
            S=lambda kept, k, m, beta, v: kept + flat(outer(m, beta * (v - cut(read(kept, k))))),
        ),
        SCALED,
        own={"rate": HEADS, "fade": HEADS, "center": HEADS},
        start=lambda rng, batch, units: {"n": rng.uniform(0.1, 1, (batch, units))},
    ),
    "gated_delta_net_2": memory(
        "Hatamizadeh et al. 2026, arXiv 2605.22791, and the authors' code (GatedDeltaNet-2)",
        "S = (I - k (e * k)^T) diag(a) S_prev + k (w * v)^T; e, w = sigmoid(W x); a as in kda",
        *(UNIT_QK, SILU_V, THIN, WIDE_STEP, WIDE_DECAY),
        heads_of(sigmoid, e="erase", w="write"),
        let(S=lambda kept, k, e, w, v: kept + flat(outer(k, w * v - cut(read(kept, e * k))))),
        SCALED,
        own={"rate": HEADS},
    ),
    "comba": memory(
        "Hu et al. 2025, arXiv 2506.02475, and the authors' code (Comba-triton), whose kernels "
        "read what they erase before the decay",
        "S = (a I - beta k p^T) S_prev + beta k v^T; p = sigmoid(inner) k; "
        f"h = S^T (q - correction p) / sqrt(d); {DECAYED} for each head",
        *(UNIT_QK, SILU_V, BETA, STEP, DECAY, KEPT),
        let(
            p=lambda inner, k: sigmoid(inner)[:, None] * k,
            S=lambda kept, k, beta, v, S_prev, p: (
                kept + flat(outer(k, beta * (v - cut(read(S_prev, p)))))
            ),
            h=lambda S, q, correction, p: scaled(S, q - correction[:, None] * p),
        ),
        own={"rate": HEADS, "inner": HEADS, "correction": HEADS},
    ),
    "titans_linear": memory(
        "Behrouz et al. 2024, arXiv 2501.00663, equations 11 to 15 and section 4.4",
        "q, k = unit length of silu(W x); v = silu(W x); a, e, t = sigmoid(W x + b): forgetting, "
        "momentum, rate, for each head; Z = e Z_prev - t (gradient of |k^T M - v|^2 at M_prev); "
        "M = (1 - a) M_prev + Z; h = q^T M",
        *(UNIT_QK, SILU_V),
        gates(lambda a: sigmoid(a)[..., None], "x", width=one, a="forget", e="momentum", t="rate"),
        let(
            Z=lambda e, Z_prev, t, k, M_prev, v: flat(
                e * cut(Z_prev) - t * cut(flat(2 * outer(k, cut(read(M_prev, k)) - v)))
            ),
            M=lambda a, M_prev, Z: flat((1 - a) * cut(M_prev) + cut(Z)),
            h=lambda M, q: read(M, q),
        ),
        names={"Z": "surprise"},
        widths={"M": 8, "Z": 8},
    ),
    "mesa_net": memory(
        "von Oswald et al. 2025, arXiv 2506.05233, and the code of Yang, one of the authors "
        "(flash-linear-attention: fla/layers/mesa_net.py, fla/ops/mesa_net/naive.py)",
        "q, k = unit length of silu(W x); v = W x; f, b = sigmoid(W x + b), for each head; "
        "H = f H_prev + b k k^T; G = f G_prev + b k v^T; h = G^T x, (H + diag(l)) x = q by four "
        "steps of conjugate gradients, l = softplus(slack) + 1/4",
        *(UNIT_QK, V),
        gates(lambda a: sigmoid(a)[..., None], "x", width=one, f="forget", b="beta"),
        let(
            H=lambda f, H_prev, b, k: flat(f * cut(H_prev) + cut(flat(outer(b * k, k)))),
            G=lambda f, G_prev, b, k, v: flat(f * cut(G_prev) + cut(flat(outer(b * k, v)))),
            h=lambda G, H, slack, q: read(
                G, solved(grid(H, q) + np.eye(2) * (softplus(slack) + 0.25).reshape(2, 2, 1), q)
            ),
        ),
        own={"slack": None},
        widths={"H": 8, "G": 8},
    ),
}

STATE_SPACES = {
    "mamba": plain(
        "Gu & Dao 2023, arXiv 2312.00752, algorithm 2; the discretisation of B is D B, as in the "
        "authors' code",
        "u, z = silu(W x); D = softplus(R L u + b); B, C = W u; "
        "S[d, n] = exp(-D[d] rate[d, n]) S_prev[d, n] + D[d] B[n] u[d]; "
        "h[d] = z[d] (sum_n S[d, n] C[n] + skip[d] u[d])",
        gates(silu, "x", bias=False, u="signal", z="gate"),
        gates(linear, "u", bias=False, width=lambda units: SIZE, B="input", C="output"),
        let(
            D=lambda u, L, R, b: softplus(u @ L @ R + b),
            S=lambda D, rate, S_prev, u, B: flat(
                exp(-D[..., None] * exp(rate).reshape(-1, SIZE)) * grid(S_prev, D) + outer(D * u, B)
            ),
            h=lambda z, S, C, skip, u: z * (seen(S, u, C) + skip * u),
        ),
        own={"rate": 4 * SIZE, "skip": None, "L": (4, 4), "R": (4, 4), "b": None},
        names={"L": "step.signal.left", "R": "step.signal.right", "b": "step.bias"},
        widths={"S": 4 * SIZE},
        config={"constants": {"size": SIZE}},
    ),
    "longhorn": plain(
        "Liu et al. 2024, arXiv 2407.14207, and the authors' code (Longhorn.step)",
        "u, z = silu(W x); k, q = W u; beta = sigmoid(R L u + b); D = beta / (1 + beta |k|^2); "
        "S[d, n] = (1 - D[d] k[n]^2) S_prev[d, n] + D[d] u[d] k[n]; "
        "h[d] = z[d] (sum_n S[d, n] q[n] + skip[d] u[d])",
        gates(silu, "x", bias=False, u="signal", z="gate"),
        gates(linear, "u", bias=False, width=lambda units: SIZE, k="key", q="query"),
        let(
            beta=lambda u, L, R, b: sigmoid(u @ L @ R + b),
            D=lambda beta, k: beta / (1 + beta * np.sum(k**2, axis=-1, keepdims=True)),
            S=lambda D, k, S_prev, u: flat(
                (1 - outer(D, k**2)) * grid(S_prev, D) + outer(D * u, k)
            ),
            h=lambda z, S, q, skip, u: z * (seen(S, u, q) + skip * u),
        ),
        own={"skip": None, "L": (4, 4), "R": (4, 4), "b": None},
        names={"L": "beta.signal.left", "R": "beta.signal.right", "b": "beta.bias"},
        widths={"S": 4 * SIZE},
        config={"constants": {"size": SIZE}},
    ),
    "mamba2": memory(
        "Dao & Gu 2024, arXiv 2405.21060; the gate stands where the authors' code has it, before "
        "the norm",
        "u, B, C, z = silu(W x); D = softplus(W x + b), for each head i; "
        "S_i = exp(-D_i rate_i) S_i,prev + D_i u_i B^T; h_i = z_i (S_i C + skip_i u_i)",
        heads_of(silu, u="signal", z="gate"),
        gates(silu, "x", bias=False, width=lambda units: SIZE, B="input", C="output"),
        *(STEP, DECAY, KEPT),
        let(
            S=lambda kept, s, u, B: kept + flat(outer(s[..., None] * u, B[:, None])),
            h=lambda z, S, u, C, skip: flat(z * (seen(S, u, C[:, None]) + skip[:, None] * u)),
        ),
        own={"rate": HEADS, "skip": HEADS},
        widths={"S": 4 * SIZE},
        constants={"size": SIZE},
    ),
    "retnet": memory(
        "Sun et al. 2023, arXiv 2307.08621, equations 1 to 6, after diagonalisation: A = gamma "
        "e^(i theta), and a query and a key n steps apart meet with the phase n theta",
        "S = gamma e^(i theta) S_prev + conj(k) v^T; h = Re(q S) / sqrt(d), in pairs of numbers",
        gates(cut, "x", bias=False, width=half, a="query_re", b="query_im", c="key_re", d="key_im"),
        V,
        let(
            cos=lambda decay, angle: (decay[:, None] * np.cos(angle))[..., None],
            sin=lambda decay, angle: (decay[:, None] * np.sin(angle))[..., None],
            re=lambda cos, sin, re_prev, im_prev, c, v: flat(
                cos * grid(re_prev, c) - sin * grid(im_prev, c) + outer(c, v)
            ),
            im=lambda cos, sin, re_prev, im_prev, d, v: flat(
                sin * grid(re_prev, d) + cos * grid(im_prev, d) - outer(d, v)
            ),
            h=lambda re, im, a, b, v: (read(re, a) - read(im, b)) / sqrt(v.shape[-1]),
        ),
        own={"decay": HEADS, "angle": 1},
        widths={"re": 4, "im": 4},
    ),
    "ffm": plain(
        "Morad et al. 2023, arXiv 2310.04128, equations 4 to 10",
        "S[i, j] = exp(-rate_i + i frequency_j) S_prev[i, j] + trace_i input_i, complex; "
        "z = W [Re S, Im S] + b; h = LN(z) o + through (1 - o); o, input sigmoids",
        gates(linear, "x", width=lambda units: SIZE, t="trace"),
        gates(sigmoid, "x", width=lambda units: SIZE, i="input"),
        let(
            cos=lambda rate, frequency: outer(exp(-exp(rate)), np.cos(frequency)).reshape(-1),
            sin=lambda rate, frequency: outer(exp(-exp(rate)), np.sin(frequency)).reshape(-1),
            re=lambda cos, sin, re_prev, im_prev, t, i: (
                cos * re_prev - sin * im_prev + np.repeat(t * i, 2, axis=-1)
            ),
            im=lambda cos, sin, re_prev, im_prev: sin * re_prev + cos * im_prev,
            memory_re=lambda re: re,
            memory_im=lambda im: im,
        ),
        gates(linear, "memory_re memory_im", z="mix"),
        gates(sigmoid, "x", o="output"),
        gates(linear, "x", p="through"),
        let(h=lambda z, o, p: normalised(z, 1e-5) * o + p * (1 - o)),
        own={"rate": SIZE, "frequency": 2},
        widths=dict.fromkeys(("re", "im", "memory_re", "memory_im"), 2 * SIZE),
        config={"constants": {"traces": SIZE, "context": 2}},
    ),
}


def _rwkv4() -> Case:
    """The running maximum m keeps the exponentials finite: A = a e^m and B = b e^m."""
    gate = {"k": "key", "v": "value", "r": "receptance"}
    lines: Lines = []
    for k, name in gate.items():
        lines += [
            Let(
                lambda mix, x, x_prev: mix * x + (1 - mix) * x_prev,
                [f"mix_{name}", "x", "x_prev"],
                {f"x{k}": f"mix_{name}*x+(1-mix_{name})*x_prev"},
            )
        ]
        lines += gates(sigmoid if k == "r" else linear, f"x{k}", bias=False, **{k: name})
    return plain(
        "Peng et al. 2023, arXiv 2305.13048",
        "k, v, r = W (mix x + (1 - mix) x_prev), each with its own mix, r through a sigmoid; "
        "h = r (A + e^(bonus + k) v) / (B + e^(bonus + k)); "
        "A' = e^(-decay) A + e^k v; B' = e^(-decay) B + e^k",
        lines,
        let(
            q=lambda m_prev, bonus, k: maximum(m_prev, bonus + k),
            old=lambda m_prev, q: exp(m_prev - q),
            new=lambda bonus, k, q: exp(bonus + k - q),
            decayed=lambda m_prev, decay: m_prev - exp(decay),
            m=lambda decayed, k: maximum(decayed, k),
            a=lambda decayed, m, a_prev, k, v: exp(decayed - m) * a_prev + exp(k - m) * v,
            b=lambda decayed, m, b_prev, k: exp(decayed - m) * b_prev + exp(k - m),
            h=lambda r, old, a_prev, new, v, b_prev: (
                r * (old * a_prev + new * v) / (old * b_prev + new)
            ),
        ),
        own={**{f"mix_{name}": 2 for name in gate.values()}, "decay": None, "bonus": None},
        widths=dict.fromkeys(("xk", "xv", "xr"), 2),
        # the denominator is a sum of exponentials
        start=lambda rng, batch, units: {"b": rng.uniform(0.5, 1.5, (batch, units))},
    )


def _rwkv6() -> Case:
    text = {name: f"mix_{name}*x_prev+(1-mix_{name})*x" for name in BRANCHES}
    lines = let(mean=lambda shift, x_prev, x: shift * x_prev + (1 - shift) * x)
    for name in BRANCHES:
        lines += gates(
            tanh, "mean", bias=False, width=lambda units: SIZE, **{f"low_{name}": f"low_{name}"}
        )
        lines += gates(
            linear, f"low_{name}", width=lambda units: 2, **{f"mix_{name}": f"mix_{name}"}
        )
        lines += [
            Let(
                lambda mix, x, x_prev: mix * x_prev + (1 - mix) * x,
                [f"mix_{name}", "x", "x_prev"],
                {f"x_{name}": text[name]},
            )
        ]
        if name != "decay":
            lines += gates(cut, f"x_{name}", bias=False, **{name[0]: name})
    return memory(
        "Peng et al. 2024, arXiv 2404.05892, equations 10 to 19",
        "x' = x + shift (x_prev - x); for each of r, k, v, w: mix = tanh(x' A) B + b, "
        "x_c = x + mix (x_prev - x); r, k, v = W x_c; w = exp(-exp(tanh(x_w A) B + b)); "
        "h = (S_prev + diag(bonus) k v^T)^T r; S = diag(w) S_prev + k v^T",
        lines,
        gates(tanh, "x_decay", bias=False, width=lambda units: 2, thin="thin_decay"),
        gates(lambda a: cut(exp(-exp(a))), "thin", w="decay"),
        let(
            S=lambda w, S_prev, k, v: flat(w[..., None] * grid(S_prev, k) + outer(k, v)),
            h=lambda S_prev, r, bonus, k, v: (
                read(S_prev, r) + read(flat(outer(bonus.reshape(2, 2) * k, v)), r)
            ),
        ),
        own={"shift": 2, "bonus": None},
        names={"mean": "shift*x_prev+(1-shift)*x"},
        widths={"S": 8, **{f"x_{name}": 2 for name in BRANCHES}, "mean": 2},
        constants={"rank": SIZE, "decay_rank": 2},
    )


def _rwkv7() -> Case:
    lines: Lines = []
    for k in "rkvwa":
        text = f"x+mix_{k}*(x_prev-x)"
        lines += [
            Let(
                lambda mix, x, x_prev: x + mix * (x_prev - x),
                [f"mix_{k}", "x", "x_prev"],
                {f"x{k}": text},
            )
        ]
    return memory(
        "Peng et al. 2025, arXiv 2503.14456, and the author's code (RWKV-LM, RWKV_Tmix_x070)",
        "x_c = x + mix_c (x_prev - x) for each branch c; r, y, v = W x_c; "
        "w = exp(-exp(-1/2) sigmoid(tanh(x_w A) B + b)); a = sigmoid(x_a A B + b); "
        "u = unit length of removal y; k = y (1 + (a - 1) replacement); "
        "S = diag(w) S_prev - (a u) (u^T S_prev) + k v^T; h = S^T r + (sum of r bonus k) v",
        lines,
        gates(cut, "xr", bias=False, r="receptance"),
        gates(linear, "xk", bias=False, y="key"),
        gates(cut, "xv", bias=False, v="value"),
        gates(tanh, "xw", bias=False, width=lambda units: 3, tw="thin_decay"),
        gates(linear, "xa", bias=False, width=lambda units: 2, ta="thin_rate"),
        gates(lambda a: cut(exp(-exp(-0.5) * sigmoid(a))), "tw", w="decay"),
        gates(sigmoid, "ta", a="rate"),
        let(
            k=lambda y, a, replacement: cut(y * (1 + (a - 1) * replacement)),
            toward=lambda removal, y: cut(removal * y),
            u=lambda toward: (
                toward / sqrt(maximum(np.sum(toward**2, -1, keepdims=True), np.full(1, 1e-24)))
            ),
            S=lambda w, S_prev, a, u, k, v: flat(
                w[..., None] * grid(S_prev, u)
                - outer(cut(a) * u, cut(read(S_prev, u)))
                + outer(k, v)
            ),
            h=lambda S, r, bonus, k, v: (
                read(S, r) + flat(np.sum(r * bonus.reshape(2, 2) * k, -1, keepdims=True) * v)
            ),
        ),
        own={
            **{f"mix_{k}": 2 for k in "rkvwa"},
            "removal": None,
            "replacement": None,
            "bonus": None,
        },
        widths={"S": 8, **{f"x{k}": 2 for k in "rkvwa"}},
        constants={"decay_rank": 3, "rate_rank": 2},
    )


RWKV = {"rwkv4": _rwkv4(), "rwkv6": _rwkv6(), "rwkv7": _rwkv7()}

# The factors of a state and of its input in a zero-order hold over D, as pairs of numbers.
HOLD = let(
    k_re=lambda D, real, turn: exp(D * real) * np.cos(D * turn),
    k_im=lambda D, real, turn: exp(D * real) * np.sin(D * turn),
    w_re=lambda k_re, k_im, real, turn: ((k_re - 1) * real + k_im * turn) / (real**2 + turn**2),
    w_im=lambda k_re, k_im, real, turn: (k_im * real - (k_re - 1) * turn) / (real**2 + turn**2),
)
OSCILLATORS = {
    "s4d": plain(
        "Gu et al. 2022, arXiv 2206.11893, with the authors' models/s4/s4d.py",
        "s = e^(D lambda) s_prev + (e^(D lambda) - 1) / lambda u, complex, for each unit; "
        "lambda = -exp(rate) + i turn, D = exp(step), u = W x; h = 2 Re(sum of C s) + skip u",
        gates(linear, "x", bias=False, u="signal"),
        let(
            D=lambda step: exp(step)[:, None],
            real=lambda rate: -exp(rate).reshape(-1, SIZE),
            turn=lambda turn: turn.reshape(-1, SIZE),
        ),
        HOLD,
        let(
            re=lambda k_re, re_prev, k_im, im_prev, w_re, u: flat(
                k_re * grid(re_prev, u) - k_im * grid(im_prev, u) + w_re * u[..., None]
            ),
            im=lambda k_re, re_prev, k_im, im_prev, w_im, u: flat(
                k_re * grid(im_prev, u) + k_im * grid(re_prev, u) + w_im * u[..., None]
            ),
            h=lambda c_re, re, c_im, im, skip, u: (
                2 * np.sum(grid(c_re * re - c_im * im, u), axis=-1) + skip * u
            ),
        ),
        own={
            **dict.fromkeys(("step", "skip")),
            **dict.fromkeys(("rate", "turn", "c_re", "c_im"), 4 * SIZE),
        },
        widths={"re": 4 * SIZE, "im": 4 * SIZE},
        config={"constants": {"size": SIZE}},
    ),
    "s5": plain(
        "Smith et al. 2023, arXiv 2208.04933, with the authors' s5/ssm.py",
        "one system for all units: s as in s4d, with B x for u; h = 2 Re(C s) + W x",
        gates(linear, "x", bias=False, u_re="drive_re", u_im="drive_im"),
        let(D=lambda step: exp(step)),
        HOLD,
        let(
            re=lambda k_re, re_prev, k_im, im_prev, w_re, u_re, w_im, u_im: (
                k_re * re_prev - k_im * im_prev + w_re * u_re - w_im * u_im
            ),
            im=lambda k_re, re_prev, k_im, im_prev, w_re, u_re, w_im, u_im: (
                k_re * im_prev + k_im * re_prev + w_re * u_im + w_im * u_re
            ),
            shown_re=lambda re: 2 * re,
            shown_im=lambda im: -2 * im,
        ),
        gates(linear, "shown_re shown_im x", bias=False, h="output"),
        own=dict.fromkeys(("step", "real", "turn")),
    ),
    "linoss": plain(
        "Rusch & Rus 2025, arXiv 2410.03943, with the authors' models/LinOSS.py (apply_linoss_im)",
        "the implicit step of size D = sigmoid(step) of y'' = -A y + B x, A = relu(stiffness): "
        "v = v_prev + D (-A y + B x), y = y_prev + D v, solved for y; h = Re(C y) + W x",
        gates(linear, "x", bias=False, f_re="force_re", f_im="force_im"),
        let(D=lambda step: sigmoid(step), A=lambda stiffness: relu(stiffness)),
        # (1 + D^2 A) y = y_prev + D v_prev + D^2 force
        let(
            y_re=lambda y_re_prev, D, v_re_prev, f_re, A: (
                (y_re_prev + D * v_re_prev + D**2 * f_re) / (1 + D**2 * A)
            ),
            y_im=lambda y_im_prev, D, v_im_prev, f_im, A: (
                (y_im_prev + D * v_im_prev + D**2 * f_im) / (1 + D**2 * A)
            ),
            v_re=lambda v_re_prev, D, f_re, A, y_re: v_re_prev + D * (f_re - A * y_re),
            v_im=lambda v_im_prev, D, f_im, A, y_im: v_im_prev + D * (f_im - A * y_im),
        ),
        gates(linear, "y_re y_im x", bias=False, h="output"),
        own=dict.fromkeys(("stiffness", "step")),
    ),
}


def directions(left: Array, right: Array) -> Array:
    """The outer product as two rows, each over its 5-norm."""
    rows = cut(flat(outer(left, right)))
    length = np.sum(absolute(rows) ** 5, axis=-1, keepdims=True) ** 0.2
    return np.asarray(rows / maximum(length, np.array(1e-12)))


def moved(mass: Array, shares: Array) -> Array:
    """Mass that each source spreads over the units by a softmax."""
    return np.asarray(np.sum(mass[..., None] * softmax(grid(shares, mass)), axis=1))


OTHERS = {
    "nru": plain(
        "Chandar et al. 2019, arXiv 1902.06704; without the optional relu and layer norm of the "
        "authors' code",
        "h = relu(W x + U h_prev + V m_prev + b); a, b, and p, q for each = W [h, m_prev] + b; "
        "v = outer(p, q) as k rows, each over its 5-norm; "
        "m = m_prev + 1/k sum_i (a_i v_i^a - b_i v_i^b)",
        gates(relu, "x h_prev m_prev", h="h"),
        gates(linear, "h m_prev", width=lambda units: 2, a="write", b="erase"),
        gates(linear, "h m_prev", width=lambda units: 4, p="write_left", q="write_right"),
        gates(linear, "h m_prev", width=lambda units: 4, r="erase_left", s="erase_right"),
        let(
            v=lambda a, p, q: np.mean(a[..., None] * directions(p, q), axis=1),
            w=lambda b, r, s: np.mean(b[..., None] * directions(r, s), axis=1),
            m=lambda m_prev, v, w: m_prev + v - w,
            h=lambda h: h,
        ),
        names={"m": "memory"},
        widths={"m": 8},
        config={"constants": {"side": 4, "rows": 2}},
    ),
    "mc_lstm": plain(
        "Hoedt et al. 2021, arXiv 2101.05186, equations 3 to 8; all features of x are mass here, "
        "and the auxiliary input of the gates as well",
        "s = c_prev / (sum c_prev + 1e-5); I, R = softmax of each row of W x + U s + b, features x "
        "units and units x units; o = sigmoid(W x + U s + b); m = I^T x + R^T c_prev; "
        "h = o m, c = (1 - o) m",
        let(share=lambda c_prev: c_prev / (np.sum(c_prev, axis=-1, keepdims=True) + 1e-5)),
        gates(linear, "x share", width=lambda units: 2 * units, i="input"),
        gates(linear, "x share", width=lambda units: units**2, r="redistribution"),
        gates(sigmoid, "x share", o="output"),
        let(
            m=lambda x, i, c_prev, r: moved(x, i) + moved(c_prev, r),
            c=lambda o, m: (1 - o) * m,
            h=lambda o, m: o * m,
        ),
        start=lambda rng, batch, units: {"c": 0.2 + rng.random((batch, units))},
    ),
}

CASES = {**ATTENTION, **DELTA, **STATE_SPACES, **RWKV, **OSCILLATORS, **OTHERS}
CASES |= {"mlstm": mlstm(False), "xlstm_7b": mlstm(True)}
