"""Hostile cells, each drawn from its seed alone: what was found to hang, grow or break."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping
from typing import Any

import yaml

_KINDS = ("sigmoid", "tanh", "forget", "power_law", "linear", "cumax", "relu", "refine")
_MAPS = ("dense", "diagonal", "identity", "block", "low_rank", "skew", "frozen", "orthogonal")
_UNARY = (
    *("sigmoid", "tanh", "exp", "log", "sqrt", "softmax", "cumsum", "cumax", "sum", "mean"),
    *("flat", "column", "row", "transpose", "square", "positive", "floor", "gelu"),
)
_BINARY = ("outer", "matvec", "vecmat", "dot", "minimum", "maximum", "modrelu")
_FUNCTIONS = {
    "rhn": ("depth", "coupled"),
    "ltc": ("unfolds", "unfolds"),
    "tau_gru": ("delay", "delay"),
    "mogrifier_lstm": ("rounds", "rounds"),
    "hyper_lstm": ("embedding", "embedding"),
    "gated_delta_product": ("heads", "steps"),
}
_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 3, 10**9, 10**15, 10**40, -(10**40), 10**299, 0.0, -0.0),
    *(0.5, 1e-300, 1e300, -1e300, 1e308, float("inf"), float("nan"), "", "x", "h_prev", "units"),
    *("∞", "ñ", "x" * 3000, "(" * 190, "1e300**16", "[", "${a}", "???", [], {}, [1], {"kind": 1}),
    *({"kind": []}, [[1]], {1: 2}, {None: None}, {"a": {"b": {"c": 1}}}, [None] * 50),
    *({"negative_of": "g0"}, {"kind": "constant", "value": 1e300}, {"kind": "zeros"}),
)
_WIDTHS = (
    *("units", "features", "units // 2", "units * 2", "units**2", "units**9", "features**16"),
    *("((((units**16)**16)**16)**16)**16", "1e308", "1e300**16", "units / 0", "units // 3"),
    *("(0-units)**0.5", "0**(-1)", "1999", "10000", "100000000", "2147483647", "2147483648", "g0"),
    *("g1", "g1 + g2", "x", "scalar", "0 * units", "units - 8", "-units", "9" * 150, "units * 1.5"),
    "units" + "+ units" * 40,
)

# In place of a value of a YAML file; no program that writes YAML writes these.
WRITTEN = (
    *("0x" + "f" * 5_000, "0b" + "1" * 20_000, "1" + ":1" * 50_000, "-0x" + "0" * 9_000 + "1"),
    *("2026-01-01", "2026-99-99", "!!binary aGVsbG8=", "!!set {a, b}", "!!omap [a: 1]"),
    *(
        "!!python/name:os.system ''",
        "&a [*a]",
        "{2026-01-01: 1}",
        "{[1]: 2}",
        "{<<: {a: 1}}",
        "no",
        "010",
    ),
    *(".nan", "-.inf", "1e999", "[" * 3_000, "{a: " * 3_000, '"\\ud800"', '"\\e]0;x\\a"', "!x y"),
    *(
        "${oc.env:HOME}",
        "| x",
        "> \u2028",
        "'\u0085'",
        "? x",
        "*a",
        "%",
        "@",
        "`",
        "- - -",
        "\ufeff",
    ),
)


def written(draw: random.Random, text: str) -> str:
    """Return a YAML text with another value at the end of one of its lines."""
    lines = text.splitlines()
    at = draw.choice([n for n, each in enumerate(lines) if not each.endswith(":")])
    lines[at] = f"{lines[at].partition(': ')[0]}: {draw.choice(WRITTEN)}"
    return "\n".join(lines) + "\n"


def hostile_text(seed: int) -> str:
    """Return a cell's file; the same for the same seed."""
    draw = random.Random(seed)
    cell = _full(draw) if _chance(draw, 0.5) else {**_small(draw), "year": 2020, "notes": "x"}
    return written(draw, yaml.safe_dump(cell, sort_keys=False))


def hostile(seed: int) -> dict[str, Any]:
    """Return a cell's mapping; the same for the same seed."""
    rng = random.Random(seed)
    return dict(rng.choice(_SHAPES)(rng))


def _chance(rng: random.Random, share: float) -> bool:
    return rng.random() < share


def _leaf(rng: random.Random, names: list[str]) -> str:
    if _chance(rng, 0.85):
        return rng.choice(names)
    return rng.choice(("1", "0", "2.5", "1e300", "1e-300", "999999999999999", "missing", "t"))


def _expression(rng: random.Random, names: list[str], depth: int) -> str:
    if depth <= 0 or _chance(rng, 0.15):
        return _leaf(rng, names)

    def inner() -> str:
        return _expression(rng, names, depth - 1)

    way = rng.randrange(12)
    if way < 6:
        return f"({inner()} {rng.choice('+-*/')} {inner()})"
    if way < 8:
        return f"{rng.choice(_UNARY)}({inner()})"
    if way < 9:
        return f"{rng.choice(_BINARY)}({inner()}, {inner()})"
    if way < 10:
        count = rng.choice((1, 2, 4, 8, 1999, 10**9, 10**15))
        return f"{rng.choice(('repeat', 'split'))}({inner()}, {count})"
    if way < 11:
        return f"({inner()})**{rng.choice((2, 16, -16, 0.5, 17))}"
    return f"-{inner()}"


def _joined(rng: random.Random, op: str, parts: list[str]) -> str:
    """Return operands joined, as a chain or, where that would be too deep, as a chain of chains."""
    if len(parts) <= 40 or _chance(rng, 0.3):
        return op.join(parts)
    return op.join(f"({op.join(parts[k : k + 30])})" for k in range(0, len(parts), 30))


def _small(rng: random.Random) -> dict[str, Any]:
    """Return a cell that is mostly right: most of these are built."""
    gates = [f"g{k}" for k in range(rng.randint(1, 4))]
    names = [*gates, "x", "h_prev", *(f"{g}_prev" for g in gates)]
    equations = {}
    for k in range(rng.randint(0, 3)):
        equations[f"e{k}"] = _expression(rng, names, rng.randint(1, 3))
        names.append(f"e{k}")
    used = " + ".join([*gates, *equations])
    equations["h"] = f"{used} + h_prev / 2"
    return {
        "gates": {name: {"kind": rng.choice(_KINDS[:3])} for name in gates},
        "equations": equations,
        "emits": "h",
    }


def _full(rng: random.Random) -> dict[str, Any]:
    """Return a small cell with parameters, norms, states and maps, one value of them odd."""
    cell = _small(rng)
    for gate in cell["gates"].values():
        gate["units"] = rng.choice(("units", *_WIDTHS)) if _chance(rng, 0.5) else "units"
        if _chance(rng, 0.4):
            gate["reads"] = {
                rng.choice(("x", "h_prev", "x * h_prev", "h_prev**2")): {
                    "kind": rng.choice(_MAPS),
                    **({"blocks": rng.choice((1, 2, 3, 10**9))} if _chance(rng, 0.2) else {}),
                    **({"rank": rng.choice((1, 0, 10**15))} if _chance(rng, 0.2) else {}),
                }
            }
        if _chance(rng, 0.3):
            group = [rng.choice(list(cell["gates"])) for _ in range(rng.choice((0, 1, 2, 500)))]
            gate["norm"] = {"of": rng.choice(("read", "sum")), "group": group}
    shape, init = rng.choice(_WIDTHS), rng.choice((0.5, *_ODD))
    parameter = {"shape": shape, "init": init, "map": rng.choice((None, "sigmoid", "exp", "tanh"))}
    cell["parameters"] = {"p": parameter}
    cell["equations"]["h"] += " + p"
    cell["initial"] = {"h": rng.choice((0.5, 1e300, *_ODD))} if _chance(rng, 0.3) else {}
    cell["zoneout"] = {"h": rng.choice((0.1, 1, *_ODD))} if _chance(rng, 0.3) else {}
    cell["constants"] = {"k": rng.choice((2, *_ODD))} if _chance(rng, 0.5) else {}
    if cell["constants"]:
        cell["equations"]["h"] += rng.choice(
            (" * k", " + sum(repeat(x, k))", " * ((k**16)**16)**9")
        )
    return cell


def _odd(rng: random.Random) -> dict[str, Any]:
    """Return a full cell with a value, at any depth, replaced by an odd one."""
    cell = copy.deepcopy(_full(rng))  # else an odd value of all cells changes with this one
    place: Any = cell
    for _ in range(rng.randint(0, 3)):
        key = rng.choice(list(place))
        if not isinstance(place[key], dict) or not place[key]:
            break
        place = place[key]
    key = rng.choice([*place, *("norms", "roles", "reads", "initializers", "cite", "year", "bind")])
    place[key] = rng.choice(_ODD)
    return cell


def _doubling(rng: random.Random) -> dict[str, Any]:
    """Return equations each of which names the one before more than once."""
    count, sign = rng.choice((3, 20, 60)), rng.choice("+*-")
    forms = (f"{{0}} {sign} {{0}}", "tanh({0}) * {0}", "({0} + 1) * x + {0}", "outer({0}, {0})")
    form = rng.choice(forms)
    start = rng.choice(("x", "g0", "h_prev", "h_prev / 2 + g0"))
    equations = {"e0": start}
    for k in range(1, count):
        equations[f"e{k}"] = form.format(f"e{k - 1}")
    last = f"e{count - 1}"
    gates = {"i": "sigmoid", "f": "sigmoid", "o": "sigmoid", "g0": "tanh"}
    equations["c"] = f"f * c_prev + i * {last} + h_prev"
    equations["h"] = f"o * tanh(c) + g0 + {last}"
    return {
        "gates": {n: {"kind": k} for n, k in gates.items()},
        "equations": equations,
        "emits": "h",
    }


def _keras(rng: random.Random) -> dict[str, Any]:
    """Return an LSTM whose equations, written out, double and double."""
    equations = {"e0": "f * c_prev + i * g"}
    count = rng.choice((5, 40, 58))
    for k in range(1, count):
        equations[f"e{k}"] = f"e{k - 1} * e{k - 1}"
    equations |= {"c": f"e{count - 1}", "h": "o * tanh(c)"}
    gates = {"i": "sigmoid", "f": "sigmoid", "o": "sigmoid", "g": "tanh"}
    return {
        "gates": {n: {"kind": k} for n, k in gates.items()},
        "equations": equations,
        "emits": "h",
    }


def _many(rng: random.Random) -> dict[str, Any]:
    """Return many gates in a chain, or each reading all before it."""
    count = rng.choice((10, 10, 30, 199, 201, 500))
    every, norm = _chance(rng, 0.4), _chance(rng, 0.2)
    gates: dict[str, Any] = {}
    for k in range(count):
        reads = [f"g{j}" for j in range(k)][-(6 if every else 1) :] or ["x"]
        gates[f"g{k}"] = {"activation": "tanh(pre)", "reads": [*reads, "h_prev"][: 1 + every * 5]}
        if norm:
            gates[f"g{k}"]["norm"] = {"of": "sum"}
    h = f"g{count - 1} + h_prev"
    return {"gates": gates, "equations": {"h": h}, "emits": "h"}


def _dense(rng: random.Random) -> dict[str, Any]:
    """Return as many equations as allowed, each as long as allowed, or a share of it."""
    count, terms = rng.choice((5, 20, 60)), rng.choice((3, 8, 24, 120))
    backwards = _chance(rng, 0.5)
    equations = {}
    for k in range(count):
        others = [f"e{j}" for j in range(k)] or ["x"]
        if backwards:
            others = [f"e{j}_prev" for j in range(k + 1, count)] or ["x"]
        op = rng.choice((" * ", " + ", " / "))
        equations[f"e{k}"] = _joined(rng, op, [rng.choice(others) for _ in range(terms)])
    equations["h"] = " + ".join([*equations, "h_prev"]) if not backwards else "e0 + h_prev + x"
    return {"equations": equations, "emits": "h"}


def _repeated(rng: random.Random) -> dict[str, Any]:
    """Return a gate that uses what it reads again and again."""
    times, width = rng.choice((3, 12, 40, 240)), rng.choice((3, 12, 40, 190))
    read = _joined(rng, rng.choice((" * ", " + ")), ["h_prev"] * width)
    activation = _joined(rng, rng.choice((" * ", " + ")), ["pre"] * times)
    gate = {"activation": activation, "reads": {read: rng.choice(("identity", "dense"))}}
    gate["bias"] = rng.choice((True, False))
    return {"gates": {"g0": gate}, "equations": {"h": "g0 + h_prev"}, "emits": "h"}


def _wide(rng: random.Random) -> dict[str, Any]:
    """Return wide signals and what is made of them."""
    count = rng.choice((10, 1250, 1999, 10**6, 10**9))
    wide = rng.choice(("outer(s, s)", "cumsum(softmax(s))", "cumax(s)", "outer(s, outer(s, s))"))
    start = rng.choice((f"repeat(x, {count})", f"outer(x, repeat(x, {count}))"))
    h = f"sum(flat({wide})) + h_prev" if "outer" in wide else f"sum({wide}) + h_prev"
    return {"equations": {"s": start, "w": wide, "h": f"{h} + sum(flat(w))"}, "emits": "h"}


def _text(rng: random.Random) -> dict[str, Any]:
    """Return an equation of repeated pieces, of any length."""
    pieces = (
        "(",
        ")",
        "-",
        "x*",
        "sigmoid(",
        "[",
        "{",
        "lambda:",
        "x if ",
        "**",
        "9",
        "not ",
        "x,",
    )
    piece = rng.choice(pieces)
    text = piece * (rng.choice((10, 60, 190, 500, 3000, 60_000)) // len(piece))
    text += rng.choice(("", "x", "x" + ")" * rng.choice((1, 60, 190))))
    return {"equations": {"h": text if _chance(rng, 0.9) else {"a": text}}, "emits": "h"}


def _names(rng: random.Random) -> dict[str, Any]:
    """Return long, odd and many names, and texts."""
    cell = _small(rng)
    name = rng.choice(
        ("é", "a" * 90, "a" * 101, "a" * 50_000, "x_prev", "lambda", "__class__", "1", "")
    )
    section = rng.choice(("gates", "equations", "parameters", "inputs", "constants", "roles"))
    cell.setdefault(section, {})[name] = rng.choice(("sigmoid", 3, "x", {}))
    if _chance(rng, 0.3):
        many = rng.choice((50, 200, 5000))
        cell["constants"] = {f"c{'abcdefgh' * 8}{k}": k for k in range(many)}
    if _chance(rng, 0.3):
        cell["notes"] = rng.choice(("n " * 30_000, "n" * 60_000, "\x1b]0;x\x07", "\u202e"))
    return cell


def _function(rng: random.Random) -> dict[str, Any]:
    """Return a cell function with options of any size."""
    function = rng.choice(list(_FUNCTIONS))
    cell: dict[str, Any] = {"function": function}
    for _ in range(rng.randint(1, 2)):
        owner = function if _chance(rng, 0.8) else rng.choice(list(_FUNCTIONS))
        sizes = (1, 2, 7, 30, 64, 65, 1000, 10**8, rng.choice(_ODD))
        cell[rng.choice(_FUNCTIONS[owner])] = rng.choice(sizes)
    if _chance(rng, 0.1):
        cell["function"] = rng.choice(_ODD)
    return cell


def _sizes(rng: random.Random) -> dict[str, Any]:
    """Return gates whose widths are made of each other's."""
    count = rng.choice((5, 20, 150))
    form = rng.choice(
        ("g{0} + g{1}", "g{0}", "g{0} * g{1}", "(g{0} * g{1})**16", "g{0} // 2 + g{1}")
    )
    gates: dict[str, Any] = {
        f"g{k}": {"kind": "tanh", "units": form.format(k + 1, min(k + 2, count))}
        for k in range(count)
    }
    gates[f"g{count}"] = {"kind": "tanh", "units": rng.choice(("units", 1, *_WIDTHS))}
    used = " + ".join(f"mean(g{k})" for k in range(count + 1))
    return {"gates": gates, "equations": {"h": f"{used} + h_prev + x"}, "emits": "h"}


def _folding(rng: random.Random) -> dict[str, Any]:
    """Return equations with powers of powers, and with rows of axes."""
    base = rng.choice(("9", "1e300", "k", "(2 - k)", "0", "0.5", "x"))
    text = base
    for _ in range(rng.randint(1, 12)):
        text = rng.choice(
            (f"({text})**{rng.choice((16, -16, 0.5))}", f"column({text})", f"1 / ({text})")
        )
    return {
        "constants": {"k": rng.choice((9, 0, 1e300, 10**299))},
        "equations": {"h": f"h_prev + x * {text} + k"},
        "emits": "h",
    }


_SHAPES: tuple[Callable[[random.Random], Mapping[str, Any]], ...] = (
    *(_small, _small, _full, _full, _full, _odd, _odd, _odd, _odd, _doubling, _keras, _many),
    *(_dense, _repeated, _wide, _wide, _text, _text, _names, _function, _function, _sizes),
    *(_sizes, _folding, _folding),
)
