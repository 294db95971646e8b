"""The rule that decides each study, as a function of its table of results.

A rule returns an outcome and, where it is not whole, which parts of the claim hold, or why there is
no verdict. `experiments.protocols` applies each rule to the results and to planted tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from .table import FOLDER, Table, average

REPRODUCED, PART, NOT, NONE = "reproduced", "in part", "not reproduced", "no verdict"


class Verdict(NamedTuple):
    """What a rule makes of a table."""

    outcome: str
    condition: str = ""

    def __str__(self) -> str:
        return (
            self.condition if self.outcome == PART else f"{self.outcome} {self.condition}".strip()
        )


def in_part(parts: Mapping[str, bool]) -> Verdict:
    """Return how many parts of a claim hold, and which."""
    held = [name for name, holds in parts.items() if holds]
    if len(held) == len(parts):
        return Verdict(REPRODUCED)
    return Verdict(PART, f"{len(held)} of {len(parts)} parts hold: {', '.join(held) or 'none'}")


Rule = Callable[[Table], Verdict]
NOTHING_TO_TELL = Verdict(NONE, "(every cell is at the ceiling, or every cell is at chance)")


def memory_bias(t: Table) -> Verdict:
    """Chrono solves the task, and every other variant stays at chance."""
    ones = "lstm bias.kind=ones"
    chrono = "chrono_lstm bias.kind=chrono"
    others = [ones, "lstm bias.kind=zeros", "gru", "rnn"]
    better = t.tests([(g, ones) for g in t.groups if g != ones])[
        [g for g in t.groups if g != ones].index(chrono)
    ].better
    solved = t.share(chrono, above=0.95)
    if solved < 0.5 or any(t.share(g, above=0.95) >= 0.5 for g in others):
        return Verdict(NOT)
    stay = {f"{g} at chance": t.share(g, below=0.2) >= 0.9 for g in others}
    return in_part({"chrono_lstm solves it": solved >= 0.9 and better} | stay)


def adding(t: Table) -> Verdict:
    """GRU and chrono LSTM solve the task, LSTM and RNN do not learn it."""
    gru, chrono, _ = t.tests([(g, "lstm") for g in ("gru", "chrono_lstm", "rnn")])
    parts = {
        "gru": gru.better and t.share("gru", below=0.02) >= 0.9,
        "chrono_lstm": chrono.better and t.share("chrono_lstm", below=0.02) >= 0.9,
        "lstm": t.share("lstm", above=0.15) >= 0.9,
        "rnn": t.share("rnn", above=0.15) >= 0.9,
    }
    if t.share("gru", below=0.02) < 0.5 or any(
        t.share(g, below=0.02) >= 0.5 for g in ("lstm", "rnn")
    ):
        return Verdict(NOT)
    return in_part(parts)


def odyssey(t: Table) -> Verdict:
    """One learning rate serves nine variants, so the study decides nothing."""
    return Verdict(NONE, "(untuned: one learning rate for all variants)")


def chorales(t: Table) -> Verdict:
    """LSTM and GRU are better than the RNN by 0.1 nats or more."""
    cells = [g for g in t.groups if g != "rnn"]
    tests = dict(zip(cells, t.tests([(g, "rnn") for g in cells]), strict=True))
    parts = {g: tests[g].better and tests[g].gain >= 0.1 for g in ("lstm", "gru")}
    return in_part(parts) if any(parts.values()) else Verdict(NOT)


NONLINEAR = ("lstm", "slstm", "gru", "rnn")
SIGNED = "mingru {} equations.h=(1-2*update)*h_prev+update*candidate"
POSITIVE = "mingru {} equations.h=(1-update)*h_prev+update*candidate"


def state_tracking(t: Table) -> Verdict:
    """Nonlinear cells solve both tasks at 256, linear ones do what their eigenvalues allow."""
    solved = {
        (cell, task): t.share(f"{cell} task={task}", above=0.99, split="test_256")
        for cell in NONLINEAR
        for task in ("parity", "word_problem")
    }
    low = t.series(POSITIVE.format("task=parity")).values()
    stuck = sum(abs(v - 0.5) <= 0.05 for v in low) / len(low)
    learns = t.share(SIGNED.format("task=parity"), above=0.95)
    generalises = t.share(SIGNED.format("task=word_problem"), above=0.99, split="test_256")
    linear = {
        "[0, 1] on parity": stuck >= 0.9,
        "[-1, 1] on parity": learns >= 0.9,
        "[-1, 1] on word_problem": generalises <= 0.1,
    }
    if max(solved.values()) == 0 or (stuck < 0.5 and learns < 0.5):
        return Verdict(NOT)
    if not all(linear.values()):
        return Verdict(NONE, "(the linear cells do not differ as claimed)")
    nonlinear = {f"{c} on {task}": share >= 0.9 for (c, task), share in solved.items()}
    return in_part(nonlinear | linear)


LEVEL, LEVEL_MARGIN = 0.91, 0.02


def mnist1d(t: Table) -> Verdict:
    """A GRU reaches the printed 91 %, or more; two points are the margin."""
    found = t.interval("gru")
    if found.low >= LEVEL - LEVEL_MARGIN:
        return Verdict(REPRODUCED)
    if found.high < LEVEL - LEVEL_MARGIN:
        return Verdict(NOT)
    return Verdict(NONE, "(the interval contains the end of the margin)")


def mnist1d_own(t: Table) -> Verdict:
    """The authors' GRU has the printed accuracy, within two points either way."""
    found = t.interval("pool=all", level=0.9)
    low, high = LEVEL - LEVEL_MARGIN, LEVEL + LEVEL_MARGIN
    if found.high < low or found.low > high:
        return Verdict(NOT)
    parts = {"no more than 2 points below": low <= found.low}
    parts["no more than 2 points above"] = found.high <= high
    return in_part(parts) if any(parts.values()) else Verdict(NONE, "(the interval is too wide)")


GU = {
    "adding": "task=adding",
    "copy": "task=copy",
    "delayed_recall": "task=delayed_recall length=100",
}


def gates_of_gu(t: Table) -> Verdict:
    """UGI with refine gates is better than forget bias 1 and than chrono initialisation."""
    known = {task: words for task, words in GU.items() if t.informs(words)}
    pairs = [
        (f"ur_lstm {words}", f"{other} {words}{' bias.kind=ones' * (other == 'lstm')}")
        for words in known.values()
        for other in ("lstm", "chrono_lstm")
    ]
    tests = t.tests(pairs) if pairs else []
    held = [task for k, task in enumerate(known) if tests[2 * k].better and tests[2 * k + 1].better]
    if not known:
        return NOTHING_TO_TELL
    if not held or len(known) < 2:
        return Verdict(NOT)
    return in_part({task: task in held for task in known})


FEWER = ("gru", "cifg", "mgu", "janet", "mingru")
NATS, ADDING = 0.1, 0.01
"""Margins: nats per frame on chorales, squared error on adding."""


def fewer_gates(t: Table) -> Verdict:
    """Each cell with fewer gates is no worse than the LSTM, by more than the margin."""
    parts, worse = {}, {}
    for task, margin in (("jsb_music21", NATS), ("adding", ADDING)):
        if not t.informs(f"task={task}"):
            continue
        pairs = [(f"{cell} task={task}", f"lstm task={task}") for cell in FEWER]
        tests = t.tests(pairs, margin=margin)
        parts |= {f"{c} on {task}": test.kept for c, test in zip(FEWER, tests, strict=True)}
        worse[task] = sum(test.worse for test in tests if not test.kept)
    if not parts:
        return NOTHING_TO_TELL
    if max(worse.values()) >= 3 or not any(parts.values()):
        return Verdict(NOT)
    return in_part(parts)


def new_gate(t: Table) -> Verdict:
    """The slow gate with stretch 16 is better than a sigmoid."""
    base = "lstm swap.forget=sigmoid"
    slow = "lstm swap.forget.kind=slow swap.forget.stretch={}"
    of16, *_ = t.tests([(slow.format(k), base) for k in (16, 4)] + [("chrono_lstm", base)])
    return Verdict(REPRODUCED if of16.better else NOT)


_MEMORY = re.compile(r"^(\w+) length=(\d+) .*\n +c +\d+ +(\S+ \(\S+ to (\S+)\))", re.MULTILINE)


def memories() -> dict[tuple[str, int], tuple[str, float]]:
    """Return what ``gatekit gates-report`` printed in ``what_gates_do/comparison.txt``.

    For each cell and lag: the memory in steps as text, median and quartiles, and the upper
    quartile.
    """
    text = (FOLDER / "what_gates_do" / "comparison.txt").read_text(encoding="utf-8")
    return {
        (cell, int(length) - 1): (memory, float(upper))
        for cell, length, memory, upper in _MEMORY.findall(text)
    }


def what_gates_do(t: Table) -> Verdict:
    """A group has solved a lag exactly if its memories reach a quarter of it."""
    kinds = set()
    for (cell, lag), (_, memory) in memories().items():
        mean = t.mean(f"{cell} length={lag + 1}")
        solved, at_chance = mean > 0.95, mean < 0.2
        if (solved and memory < lag / 4) or (at_chance and memory >= lag / 4):
            return Verdict(NOT)
        if solved or at_chance:
            kinds.add(solved)
    return Verdict(REPRODUCED if len(kinds) == 2 else NOT)


RECENT = ("gru", "mingru", "slstm", "layer_norm_lstm")
BITS = 0.05


def char_lm_tuned(t: Table) -> Verdict:
    """The LSTM is no worse than each other cell, by more than 0.05 bits."""
    ahead: dict[str, list[str]] = {}
    parts: dict[str, bool] = {}
    for text in ("kjv", "shakespeare"):
        end = f" task=char_lm_{text}"
        ours = t.tests([("lstm" + end, cell + end) for cell in RECENT], margin=BITS)
        ahead[text] = [c for c, test in zip(RECENT, ours, strict=True) if test.worse]
        parts |= {f"{c} on {text}": test.kept for c, test in zip(RECENT, ours, strict=True)}
    if len(set(ahead["kjv"]) & set(ahead["shakespeare"])) >= 2 or not any(parts.values()):
        return Verdict(NOT)
    return in_part(parts)


IN_BLOCK = ("gated_delta_net", "lstm", "gru", "slstm", "mingru")


def blocks(t: Table) -> Verdict:
    """A cell recalls inside the block and not without it: a mean gain of 0.1 or more."""
    ends = [f" block={kind} task=mqar" for kind in ("modern", "plain")]
    if not t.informs("task=mqar"):
        return NOTHING_TO_TELL
    tests = t.tests([(cell + ends[0], cell + ends[1]) for cell in IN_BLOCK])
    learned = [
        cell
        for cell, test in zip(IN_BLOCK, tests, strict=True)
        if test.better and test.gain >= 0.1 and t.mean(cell + ends[1]) < 0.4
    ]
    if len(learned) >= 3:
        return Verdict(REPRODUCED)
    return in_part({cell: cell in learned for cell in IN_BLOCK}) if learned else Verdict(NOT)


SPLITS = ("test", "test_sparse", "test_dense")


def flip_flop(t: Table) -> Verdict:
    """The LSTM solves three tests, on each of which some other cell is worse."""
    others = [g for g in t.groups if g != "lstm"]
    shares = [t.share("lstm", above=0.999, split=split) for split in SPLITS]
    telling = [any(x.worse for x in t.tests([(g, "lstm") for g in others], s)) for s in SPLITS]
    if not any(telling):
        return Verdict(NONE, "(the cells do not differ on any test)")
    if max(shares) <= 0.5:
        return Verdict(NOT)
    right = [share >= 0.9 and ok for share, ok in zip(shares, telling, strict=True)]
    return in_part(dict(zip(SPLITS, right, strict=True))) if any(right) else Verdict(NOT)


def tuned(t: Table) -> Verdict:
    """The LSTM is better than recurrent highway networks and than NAS cells."""
    rivals = {"rhn": "a recurrent highway network", "nas": "a NAS cell"}
    cells = [g for g in t.groups if g != "lstm"]
    tests = dict(zip(cells, t.tests([(g, "lstm") for g in cells]), strict=True))
    beaten = [g for g in rivals if tests[g].worse]
    if not beaten or any(tests[g].better for g in rivals):
        return Verdict(NOT)
    return in_part({name: g in beaten for g, name in rivals.items()})


RECALL = ("delta_net", "gated_delta_net", "mlstm", "gla", "linear_attention", "mamba2")
RECALL += ("lstm", "slstm")
STATES = (226, 490, 940)
GUESS = 1 / 3


def recall_state(t: Table) -> Verdict:
    """Recall grows with the state for all cells, and DeltaNet is above GLA at each size."""
    ends = [f" match=state:{k}" for k in STATES]
    growth = t.tests([(cell + ends[2], cell + ends[0]) for cell in RECALL])
    grows = [
        cell
        for cell, test in zip(RECALL, growth, strict=True)
        if test.better and test.gain > 0.05 and t.mean(cell + ends[2]) > GUESS + 0.05
    ]
    ahead, behind = [], 0
    for end in ends:
        others = [cell for cell in RECALL if cell != "gla"]
        tests = dict(zip(others, t.tests([(g + end, "gla" + end) for g in others]), strict=True))
        ahead += [end] * tests["delta_net"].better
        behind += tests["delta_net"].worse
    if len(grows) <= len(RECALL) / 2 or behind >= 2:
        return Verdict(NOT)
    sizes = {f"DeltaNet above GLA at {end.split(':')[1]}": end in ahead for end in ends}
    return in_part({f"{cell} grows": cell in grows for cell in RECALL} | sizes)


MAD = {
    "in_context_recall": "task=in_context_recall length=64",
    "noisy_recall": "task=noisy_recall length=64",
    "fuzzy_recall": "task=fuzzy_recall length=64",
    "selective_copying": "task=selective_copying items=8 length=64",
    "memorization": "task=memorization",
    "compression": "task=compression",
}
GATED = ("gla", "mlstm", "gated_delta_net", "mamba2")
FIXED = ("linear_attention", "retnet")


def mad_score(t: Table, cell: str) -> dict[int, float]:
    """Return the mean accuracy over the six tasks, for each seed."""
    return average([t.series(f"{cell} {words}") for words in MAD.values()])


def mad(t: Table) -> Verdict:
    """Each decay that depends on the input is better than a fixed one and than none."""
    pairs = [(g, f) for f in FIXED for g in GATED]
    tests = dict(
        zip(pairs, t.tests([(mad_score(t, g), mad_score(t, f)) for g, f in pairs]), strict=True)
    )
    failed = [g for g in GATED if not all(tests[g, f].better for f in FIXED)]
    return Verdict(NOT) if len(failed) >= 2 else in_part({g: g not in failed for g in GATED})


def parts(t: Table) -> Verdict:
    """The convolution is needed for recall, and is enough for it."""
    full, without, alone, plain = PART_GROUPS
    needed, enough, _ = t.tests([(full, without), (alone, plain), (without, plain)])
    holds = [test.better and test.gain >= 0.1 for test in (needed, enough)]
    if not any(holds):
        return Verdict(NOT)
    return in_part(dict(zip(("needed", "enough"), holds, strict=True)))


PART_GROUPS = {
    "gated_delta_net block=modern gate=false mlp=none out_norm=false task=mqar": "norm, "
    "convolution, silu, projection, sum",
    "gated_delta_net block=parts conv=0 task=mqar": "the same without the convolution",
    "gated_delta_net block=parts norm=none project=false residual=false silu=false "
    "task=mqar": "the convolution alone",
    "gated_delta_net block=plain task=mqar": "`plain`",
}

ALONE_GROUPS = {
    f"gated_delta_net block=parts conv=0 {left_out} task=mqar": f"{part} alone"
    for part, left_out in {
        "the norm": "project=false residual=false silu=false",
        "silu": "norm=none project=false residual=false",
        "the projection": "norm=none residual=false silu=false",
        "the sum": "norm=none project=false silu=false",
    }.items()
}
"""Arms of `blocks` with one part, which are no part of the verdict."""
