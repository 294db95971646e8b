"""The rule that decides each study, as a function of its table of results.

A rule returns an outcome and, for "reproduced only if" and "no verdict", the condition or the
reason. `experiments.protocols` applies each rule to the results and to planted tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from .table import FOLDER, Table, Test, average

REPRODUCED, ONLY_IF, NOT, NONE = (
    "reproduced",
    "reproduced only if",
    "not reproduced",
    "no verdict",
)


class Verdict(NamedTuple):
    """What a rule makes of a table."""

    outcome: str
    condition: str = ""

    def __str__(self) -> str:
        return f"{self.outcome} {self.condition}".strip()


Rule = Callable[[Table], Verdict]
NOTHING_TO_TELL = Verdict(NONE, "(every cell is at the ceiling, or every cell is at chance)")


ARMS = {
    "memory_bias": {
        "chrono_lstm bias.kind=chrono": "`chrono_lstm` with T = 200",
        "rnn": "`rnn`",
        "lstm bias.kind=zeros": "`lstm` with forget bias 0",
        "lstm bias.kind=ones": "`lstm` with forget bias 1",
        "gru": "`gru`",
    },
    "adding": {
        "gru": "`gru`",
        "chrono_lstm": "`chrono_lstm` with T = 100",
        "lstm": "`lstm` with forget bias 1",
        "rnn": "`rnn`",
    },
    "mnist1d": {"gru": "`gru`", "lstm": "`lstm` with forget bias 1", "rnn": "`rnn`"},
    "mnist1d_own": {
        "pool=all": "`pool=all`, the authors' head",
        "pool=last": "`pool=last`",
    },
    "new_gate": {
        "chrono_lstm": "`chrono_lstm`",
        "lstm swap.forget.kind=slow swap.forget.stretch=4": "slow gate with `stretch=4`",
        "lstm swap.forget=sigmoid": "sigmoid gate",
        "lstm swap.forget.kind=slow swap.forget.stretch=16": "slow gate with `stretch=16`",
    },
}
"""For each study with one number for each arm: the label of an arm, and its name."""


def memory_bias(t: Table) -> Verdict:
    """Chrono solves the task, and every other variant stays at chance."""
    ones = "lstm bias.kind=ones"
    chrono = "chrono_lstm bias.kind=chrono"
    others = [ones, "lstm bias.kind=zeros", "gru", "rnn"]
    better = t.tests([(g, ones) for g in t.groups if g != ones])[
        [g for g in t.groups if g != ones].index(chrono)
    ].better
    solved = t.share(chrono, above=0.95)
    if solved >= 0.9 and better and all(t.share(g, below=0.2) >= 0.9 for g in others):
        return Verdict(REPRODUCED)
    if solved < 0.5 or any(t.share(g, above=0.95) >= 0.5 for g in others):
        return Verdict(NOT)
    return Verdict(ONLY_IF, "a part of the runs counts")


def adding(t: Table) -> Verdict:
    """GRU and chrono LSTM solve the task, LSTM and RNN do not learn it."""
    gru, chrono, _ = t.tests([(g, "lstm") for g in ("gru", "chrono_lstm", "rnn")])
    solve = all(t.share(g, below=0.02) >= 0.9 for g in ("gru", "chrono_lstm"))
    fail = all(t.share(g, above=0.15) >= 0.9 for g in ("lstm", "rnn"))
    if solve and fail and gru.better and chrono.better:
        return Verdict(REPRODUCED)
    if t.share("gru", below=0.02) < 0.5 or any(
        t.share(g, below=0.02) >= 0.5 for g in ("lstm", "rnn")
    ):
        return Verdict(NOT)
    return Verdict(ONLY_IF, "a part of the runs counts")


ODYSSEY = {
    "nfg": ("NFG", "no forget gate"),
    "noaf": ("NOAF", "no output activation"),
    "cifg_peephole": ("CIFG", "coupled gates"),
    "lstm": ("NP", "no peepholes"),
    "nig": ("NIG", "no input gate"),
    "nog": ("NOG", "no output gate"),
    "niaf": ("NIAF", "no input activation"),
    "fgr": ("FGR", "full gate recurrence"),
}
_PARTS = {"nfg": "the forget gate", "noaf": "the output activation"}
HURT = 0.1


def odyssey(t: Table) -> Verdict:
    """Forget gate and output activation are the most critical of all eight changes."""
    end = " optimizer=sgd"
    tests = dict(zip(ODYSSEY, t.tests([(g + end, "peephole" + end) for g in ODYSSEY]), strict=True))
    critical = []
    for part in _PARTS:
        others = [g for g in ODYSSEY if g not in _PARTS]
        against = t.tests([(g + end, part + end) for g in others])
        hurt = tests[part].worse and -tests[part].gain >= HURT
        if hurt and not any(test.worse for test in against):
            critical.append(part)
    improved = [g for g, test in tests.items() if test.better and test.gain >= HURT]
    if len(critical) == 2 and not improved:
        return Verdict(REPRODUCED)
    if not critical:
        return Verdict(NOT)
    names = " and ".join(_PARTS[part] for part in critical)
    return Verdict(ONLY_IF, f"{names} alone is called critical")


def chorales(t: Table) -> Verdict:
    """LSTM and GRU are better than the RNN by 0.1 nats or more."""
    cells = [g for g in t.groups if g != "rnn"]
    tests = dict(zip(cells, t.tests([(g, "rnn") for g in cells]), strict=True))
    better = [g for g in ("lstm", "gru") if tests[g].better]
    if len(better) == 2 and all(tests[g].gain >= 0.1 for g in better):
        return Verdict(REPRODUCED)
    if not better:
        return Verdict(NOT)
    clear = [g.upper() for g in better if tests[g].gain >= 0.1]
    return Verdict(
        ONLY_IF,
        f"the cell is the {' or '.join(clear)}" if clear else "less than 0.1 nats counts",
    )


NONLINEAR = ("lstm", "slstm", "gru", "rnn")
SIGNED = "mingru {} equations.h=(1-2*update)*h_prev+update*candidate"
POSITIVE = "mingru {} equations.h=(1-update)*h_prev+update*candidate"
TRACKING = {
    **{cell + " {}": f"`{cell}`" for cell in NONLINEAR},
    SIGNED: "linear, eigenvalues in [-1, 1]",
    POSITIVE: "linear, eigenvalues in [0, 1]",
}
"""Labels, which the task completes, and names."""


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
    linear = stuck >= 0.9 and learns >= 0.9 and generalises <= 0.1
    if linear and min(solved.values()) >= 0.9:
        return Verdict(REPRODUCED)
    if max(solved.values()) == 0 or (stuck < 0.5 and learns < 0.5):
        return Verdict(NOT)
    if not linear:
        return Verdict(NONE, "(the linear cells do not differ as claimed)")
    misses = [f"{c.upper()} on {task}" for (c, task), share in solved.items() if share < 0.9]
    return Verdict(ONLY_IF, f"these are left out: {', '.join(misses)}")


LEVEL, LEVEL_MARGIN = 0.91, 0.02


def mnist1d(t: Table) -> Verdict:
    """A GRU reaches the printed 91 %, or more; two points are the margin."""
    found = t.interval("gru")
    if found.low >= LEVEL - LEVEL_MARGIN:
        return Verdict(REPRODUCED)
    if found.high < LEVEL - LEVEL_MARGIN:
        return Verdict(NOT)
    return Verdict(ONLY_IF, "more than two points are ignored")


def mnist1d_own(t: Table) -> Verdict:
    """The authors' GRU has the printed accuracy, within two points either way."""
    found = t.interval("pool=all", level=0.9)
    low, high = LEVEL - LEVEL_MARGIN, LEVEL + LEVEL_MARGIN
    if low <= found.low and found.high <= high:
        return Verdict(REPRODUCED)
    if found.high < low or found.low > high:
        return Verdict(NOT)
    off = max(LEVEL - found.low, found.high - LEVEL)
    return Verdict(ONLY_IF, f"{100 * off:.1f} points are ignored")


GU = {
    "adding": "task=adding",
    "copy": "task=copy",
    "delayed_recall": "task=delayed_recall length=100",
}
GU_ARMS = {
    "ur_lstm {}": "`ur_lstm`, UGI and refine",
    "chrono_lstm {}": "`chrono_lstm` with T = 100",
    "lstm {} bias.kind=uniform_gate bias.negative_of=forget": "`lstm` with UGI",
    "lstm {} bias.kind=ones": "`lstm` with forget bias 1",
}
"""Labels, which the task completes, and names."""


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
    if len(held) == len(known) >= 2:
        return Verdict(REPRODUCED)
    return Verdict(ONLY_IF, f"the task is {' or '.join(held)}") if held else Verdict(NOT)


FEWER = ("gru", "cifg", "mgu", "janet", "mingru")
NATS, ADDING = 0.1, 0.01
"""Margins: nats per frame on chorales, squared error on adding."""


def fewer_gates(t: Table) -> Verdict:
    """Each cell with fewer gates is no worse than the LSTM, by more than the margin."""
    open_, worse = [], {}
    informing = False
    for task, margin in (("jsb_music21", NATS), ("adding", ADDING)):
        if not t.informs(f"task={task}"):
            continue
        informing = True
        pairs = [(f"{cell} task={task}", f"lstm task={task}") for cell in FEWER]
        tests = t.tests(pairs, margin=margin)
        lost = [cell for cell, test in zip(FEWER, tests, strict=True) if not test.kept]
        open_ += [f"{cell} on {task}" for cell in lost]
        worse[task] = sum(test.worse for test in tests if not test.kept)
    if not informing:
        return NOTHING_TO_TELL
    if not open_:
        return Verdict(REPRODUCED)
    if max(worse.values()) >= 3 or len(open_) == len(FEWER) * len(worse):
        return Verdict(NOT)
    return Verdict(ONLY_IF, f"these are left out: {', '.join(open_)}")


def new_gate(t: Table) -> Verdict:
    """The slow gate with stretch 16 is better than a sigmoid."""
    base = "lstm swap.forget=sigmoid"
    slow = "lstm swap.forget.kind=slow swap.forget.stretch={}"
    of16, of4, _ = t.tests([(slow.format(k), base) for k in (16, 4)] + [("chrono_lstm", base)])
    if of16.better:
        return Verdict(REPRODUCED)
    return Verdict(ONLY_IF, "stretch is 4") if of4.better else Verdict(NOT)


LAGS = (25, 50, 100, 200, 400)
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
    agree, against = [], []
    for (cell, lag), (_, memory) in memories().items():
        mean = t.mean(f"{cell} length={lag + 1}")
        solved, at_chance = mean > 0.95, mean < 0.2
        if (solved and memory < lag / 4) or (at_chance and memory >= lag / 4):
            against.append(lag)
        elif solved or at_chance:
            agree.append((lag, solved))
    kinds = {solved for _, solved in agree}
    if len(kinds) < 2:
        return Verdict(NOT)
    if not against:
        return Verdict(REPRODUCED)
    both = [lag for lag in LAGS if {(lag, True), (lag, False)} <= set(agree)]
    both = [lag for lag in both if lag not in against]
    if not both:
        return Verdict(NOT)
    return Verdict(ONLY_IF, f"the lag is {' or '.join(map(str, both))}")


RECENT = ("gru", "mingru", "slstm", "layer_norm_lstm")
BITS = 0.05


def char_lm_tuned(t: Table) -> Verdict:
    """The LSTM is no worse than each other cell, by more than 0.05 bits."""
    ahead: dict[str, list[str]] = {}
    open_: list[str] = []
    for text in ("kjv", "shakespeare"):
        end = f" task=char_lm_{text}"
        ours = t.tests([("lstm" + end, cell + end) for cell in RECENT], margin=BITS)
        ahead[text] = [c for c, test in zip(RECENT, ours, strict=True) if test.worse]
        open_ += [f"{c} on {text}" for c, test in zip(RECENT, ours, strict=True) if not test.kept]
    if not open_:
        return Verdict(REPRODUCED)
    if len(set(ahead["kjv"]) & set(ahead["shakespeare"])) >= 2 or len(open_) == 2 * len(RECENT):
        return Verdict(NOT)
    return Verdict(ONLY_IF, f"these are left out: {', '.join(open_)}")


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
    return Verdict(ONLY_IF, f"the cell is {' or '.join(learned)}") if learned else Verdict(NOT)


IGNORING = ("lstm", "gru", "rnn", "delta_net", "mingru", "gla", "linear_attention")
SPLITS = ("test", "test_sparse", "test_dense")


def flip_flop(t: Table) -> Verdict:
    """The LSTM solves three tests, on each of which some other cell is worse."""
    others = [g for g in t.groups if g != "lstm"]
    shares = [t.share("lstm", above=0.999, split=split) for split in SPLITS]
    telling = [any(x.worse for x in t.tests([(g, "lstm") for g in others], s)) for s in SPLITS]
    if not any(telling):
        return Verdict(NONE, "(the cells do not differ on any test)")
    if min(shares) >= 0.9 and all(telling):
        return Verdict(REPRODUCED)
    if max(shares) <= 0.5:
        return Verdict(NOT)
    right = [s for s, share, ok in zip(SPLITS, shares, telling, strict=True) if share >= 0.9 and ok]
    return Verdict(ONLY_IF, f"the test is {' or '.join(right)}") if right else Verdict(NOT)


def tuned(t: Table) -> Verdict:
    """The LSTM is better than recurrent highway networks and than NAS cells."""
    rivals = {"rhn": "a recurrent highway network", "nas": "a NAS cell"}
    cells = [g for g in t.groups if g != "lstm"]
    tests = dict(zip(cells, t.tests([(g, "lstm") for g in cells]), strict=True))
    beaten = [g for g in rivals if tests[g].worse]
    if len(beaten) == 2:
        return Verdict(REPRODUCED)
    if not beaten or any(tests[g].better for g in rivals):
        return Verdict(NOT)
    return Verdict(ONLY_IF, f"the rival is {rivals[beaten[0]]}")


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
    if len(grows) == len(RECALL) and len(ahead) == 3:
        return Verdict(REPRODUCED)
    if len(grows) <= len(RECALL) / 2 or behind >= 2:
        return Verdict(NOT)
    text = f"the cell is {', '.join(grows[:-1])} or {grows[-1]}"
    sizes = [end.split(":")[1] for end in ahead]
    return Verdict(
        ONLY_IF, f"{text}, and for DeltaNet above GLA the state is {' or '.join(sizes) or 'none'}"
    )


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


def mad_cells(t: Table) -> list[str]:
    """Return the cells, that with the highest score first."""
    cells = {group.split()[0] for group in t.groups}
    return sorted(cells, key=lambda cell: -t.mean(mad_score(t, cell)))


def mad(t: Table) -> Verdict:
    """Each decay that depends on the input is better than a fixed one and than none."""
    pairs = [(g, f) for f in FIXED for g in GATED]
    tests = dict(
        zip(pairs, t.tests([(mad_score(t, g), mad_score(t, f)) for g, f in pairs]), strict=True)
    )
    failed = [g for g in GATED if not all(tests[g, f].better for f in FIXED)]
    if not failed:
        return Verdict(REPRODUCED)
    if len(failed) >= 2:
        return Verdict(NOT)
    return Verdict(ONLY_IF, f"the cell is not {failed[0]}")


def parts(t: Table) -> Verdict:
    """The convolution is needed for recall, and is enough for it."""
    full, without, alone, plain = PART_GROUPS
    needed, enough, _ = t.tests([(full, without), (alone, plain), (without, plain)])
    holds = [test.better and test.gain >= 0.1 for test in (needed, enough)]
    if all(holds):
        return Verdict(REPRODUCED)
    if not any(holds):
        return Verdict(NOT)
    return Verdict(ONLY_IF, "it is called needed" if holds[0] else "it is called enough")


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


def enough(t: Table) -> dict[str, Test]:
    """Compare each arm that has one part of the block with `plain`."""
    plain = list(PART_GROUPS)[-1]
    return dict(zip(ALONE_GROUPS, t.tests([(arm, plain) for arm in ALONE_GROUPS]), strict=True))
