"""The generated parts of the pages: tables of results, verdicts, checklists, the findings.

A generated part is between ``<!-- NAME -->`` and ``<!-- end -->``. The command that writes them is
``python -m experiments.protocols --write``.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from . import claims, rules
from .table import Table

ROOT = Path(__file__).parents[1]
_PART = re.compile(
    r"(<!-- (verdict|checks|table|second|findings) -->\n).*?(?=<!-- end -->)", re.DOTALL
)
_COUNT = re.compile(r"\[\d+ reproduced, \d+ not, \d+ in part\]")


def written() -> dict[Path, str]:
    """Return each page that has generated parts, as it should be."""
    found = {}
    for name in claims.STUDIES:
        path = ROOT / "experiments" / name / "README.md"
        found[path] = _filled(path, _PARTS, name)
    path = ROOT / "docs" / "findings.md"
    found[path] = _filled(path, {"findings": lambda _: [findings()]}, "")
    path = ROOT / "README.md"
    found[path] = _COUNT.sub(f"[{count()}]", path.read_text(encoding="utf-8"))
    return found


def verdict(name: str) -> list[str]:
    """Return the line that a second reading begins with."""
    found = claims.verdict_of(name)
    condition = f" {found.condition}" if found.condition else ""
    scope = claims.scope(name)
    study = claims.ALL[name]
    texts = (
        f"**{found.outcome}**{condition} ({scope}).",
        f"Claim: {study.claim}.",
        f"This rule was written {study.written}.",
    )
    return ["\n\n".join(textwrap.fill(text, 120) for text in texts) + "\n"]


def second(name: str) -> list[str]:
    """Return the verdict and the checklist of a study's second part."""
    return [verdict(f"{name}, second part")[0], checks(f"{name}, second part")[0]]


def checks(name: str) -> list[str]:
    """Return the checklist of a study, with the verdicts on planted tables."""
    study, table = claims.ALL[name], claims.table_of(name)
    plants = claims.planted(study, table)
    if not study.bounds:
        for plant in ("the ceiling", "chance"):
            plants[plant] = rules.Verdict("the metric has no known end")
    rows = [
        ["Where is the claim?", study.source],
        ["What was read?", study.read],
        *([f"What would {plant} give?", str(found)] for plant, found in plants.items()),
        ["Can an untuned rival explain it?", study.rival],
        ["Is the named thing isolated?", study.isolated],
    ]
    lines = [textwrap.fill(f"- **{q}** {a}", 120, subsequent_indent="  ") for q, a in rows]
    return ["\n".join(lines) + "\n"]


def count() -> str:
    """Return how many claims hold, as the front page prints it."""
    found = Counter(claims.verdict_of(name).outcome for name in claims.STUDIES)
    part = found[rules.ONLY_IF] + found[rules.NONE]
    return f"{found[rules.REPRODUCED]} reproduced, {found[rules.NOT]} not, {part} in part"


def findings() -> str:
    """Return the table of docs/findings.md."""
    rows = []
    for name, study in claims.STUDIES.items():
        table = claims.table_of(name)
        numbers = [f"n = {table.seeds}", study.numbers(table)]
        said = f"{claims.verdict_of(name)} ({claims.scope(name)})"
        further = f"{name}, second part"
        if further in claims.SECOND:
            numbers.append(f"second part, {claims.SECOND[further].numbers(table)}")
            said += f"; second part: {claims.verdict_of(further)}"
        rows.append(
            [
                f"[{name}](../experiments/{name}/README.md)",
                study.claim,
                study.source,
                "; ".join(numbers),
                said,
                f"`gatekit train -m +experiment={name}`",
            ]
        )
    return _table(["study", "claim", "source", "our numbers", "verdict", "command"], rows)


def tables(name: str) -> list[str]:
    """Return the tables of a study's results, in the order of its README."""
    return TABLES[name](claims.table_of(name))


def _filled(path: Path, parts: dict[str, Callable[[str], list[str]]], name: str) -> str:
    ready: dict[str, list[str]] = {}

    def part(found: re.Match[str]) -> str:
        if found[2] not in ready:
            ready[found[2]] = parts[found[2]](name)
        return found[1] + ready[found[2]].pop(0)

    return _PART.sub(part, path.read_text(encoding="utf-8"))


def _table(header: list[str], rows: Iterable[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _number(t: Table, group: str, split: str = "test", **limit: float) -> str:
    """Return how many runs are above, or below, a number."""
    share = t.share(group, split=split, **limit)  # type: ignore[arg-type]
    return str(round(share * len(t.series(group, split))))


def _arms(study: str, what: str, *limits: tuple[str, float]) -> Callable[[Table], list[str]]:
    """Return what makes a table of the arms, with the number of runs above or below limits."""

    def made(t: Table) -> list[str]:
        header = ["variant", f"{what}, mean over {t.seeds} seeds [95 % t interval]"]
        lines = [
            [name, t.text(g), *(_number(t, g, **{side: at}) for side, at in limits)]
            for g, name in rules.ARMS[study].items()
        ]
        return [_table([*header, *(f"{side} {at:.2f}" for side, at in limits)], lines)]

    return made


def _odyssey(t: Table) -> list[str]:
    blocks = ("sgd", "sgd clipnorm=1.0", "adam", "adam clipnorm=1.0")
    tests = {
        block: t.tests(
            [(f"{g} optimizer={block}", f"peephole optimizer={block}") for g in rules.ODYSSEY]
        )
        for block in blocks
    }
    lines = [["V, itself", *(f"{t.mean(f'peephole optimizer={b}'):.3f}" for b in blocks)]]
    for k, (g, (name, _)) in enumerate(rules.ODYSSEY.items()):
        cells = []
        for block in blocks:
            text = t.less(f"{g} optimizer={block}", f"peephole optimizer={block}")
            test = tests[block][k]
            hurt = test.worse and -test.gain >= rules.HURT
            cells.append(f"**{text}**" if hurt else text)
        lines.append([name, *cells])
    header = ["variant", "SGD", "SGD, clipped at 1", "Adam", "Adam, clipped at 1"]
    return [_table(header, lines)]


def _chorales(t: Table) -> list[str]:
    printed = {"lstm": "8.45", "gru": "8.43", "rnn": "8.91"}
    rows = [
        [
            f"`{g}`",
            t.text(g),
            "" if g == "rnn" else t.less("rnn", g),
            printed.get(g, ""),
        ]
        for g in t.ranked(t.groups)
    ]
    header = ["variant", "test nats per frame, mean over 10 seeds [95 % t interval]"]
    return [_table([*header, "better than the RNN by", "Bai et al."], rows)]


def _state_tracking(t: Table) -> list[str]:
    return [
        _table(
            ["cell", "to 40", "100", "256"],
            [
                [
                    name,
                    *(
                        f"{t.text(g.format(task), s)} ({_number(t, g.format(task), s, above=0.99)})"
                        for s in ("test", "test_100", "test_256")
                    ),
                ]
                for g, name in rules.TRACKING.items()
            ],
        )
        for task in ("task=parity", "task=word_problem")
    ]


def _gates_of_gu(t: Table) -> list[str]:
    base = "lstm {} bias.kind=ones"
    both = [rules.GU[task] for task in ("adding", "delayed_recall")]
    first = []
    for g, name in rules.GU_ARMS.items():
        cells = [name]
        for words in both:
            ours, theirs = g.format(words), base.format(words)
            cells += [t.text(ours), "" if g == base else t.less(ours, theirs)]
        first.append(cells)
    second = [[name, t.text(g.format(rules.GU["copy"]))] for g, name in rules.GU_ARMS.items()]
    header = ["variant", "adding, test error", "difference", "delayed recall, accuracy"]
    return [
        _table([*header, "difference"], first),
        _table(["variant", "copy, nats per step (chance 0.173)"], second),
    ]


def _fewer(units: dict[str, dict[str, int]]) -> Callable[[Table], list[str]]:
    def made(t: Table) -> list[str]:
        found = []
        for task, header in (
            ("jsb_music21", "nats per frame"),
            ("adding", "test error"),
        ):
            end = f" task={task}"
            rows = [
                [
                    f"`{c}`",
                    str(units[task][c]),
                    t.text(c + end),
                    "" if c == "lstm" else t.less(c + end, "lstm" + end),
                ]
                for c in t.ranked(("lstm", *rules.FEWER), end)
            ]
            found.append(_table(["cell", "units", header, "difference to `lstm`"], rows))
        return found

    return made


def _what_gates_do(t: Table) -> list[str]:
    memory = rules.memories()
    rows = []
    for lag in rules.LAGS:
        rows.append([str(lag)])
        for cell in ("chrono_lstm", "lstm"):
            rows[-1] += [t.text(f"{cell} length={lag + 1}"), memory[cell, lag][0]]
    header = ["lag in steps", "`chrono_lstm`: accuracy", "memory", "`lstm`: accuracy", "memory"]
    return [_table(header, rows)]


def _char_lm_tuned(t: Table) -> list[str]:
    known = {
        "layer_norm_lstm": ("61", "0.03", "0.03"),
        "gru": ("70", "0.01", "0.01"),
        "slstm": ("61", "0.01", "0.01"),
        "lstm": ("61", "0.03", "0.03"),
        "mingru": ("122", "0.01", "0.03"),
    }
    rows = []
    for cell, (units, *rates) in known.items():
        cells = [f"`{cell}`", units]
        for text in ("kjv", "shakespeare"):
            ours, theirs = f"{cell} task=char_lm_{text}", f"lstm task=char_lm_{text}"
            cells += [t.text(ours), "" if cell == "lstm" else t.less(ours, theirs)]
        rows.append([*cells, ", ".join(rates)])
    header = ["cell", "units", "King James", "difference to `lstm`", "Shakespeare"]
    return [_table([*header, "difference to `lstm`", "rates"], rows)]


def _blocks(t: Table) -> list[str]:
    alone = "block=modern gate=false mlp=none out_norm=false task=mqar"
    ends = ["block=plain task=mqar", alone, "block=modern task=mqar"]
    ends += ["block=plain task=selective_copy", "block=modern task=selective_copy"]
    rows = [
        [
            f"`{c}`",
            *(f"{t.mean(f'{c} {e}'):.3f} ({_number(t, f'{c} {e}', above=0.95)})" for e in ends),
        ]
        for c in rules.IN_BLOCK
    ]
    header = ["cell", "`mqar`, plain", "norm, convolution, silu, projection, sum", "modern"]
    tests = rules.enough(t)
    arms = [
        [
            name,
            t.text(g),
            _number(t, g, above=0.95),
            f"{tests[g].gain:+.3f}, p = {tests[g].p:.3f}" if g in tests else "",
        ]
        for g, name in (rules.PART_GROUPS | rules.ALONE_GROUPS).items()
    ]
    return [
        _table([*header, "`selective_copy`, plain", "modern"], rows),
        _table(
            ["arm, gated DeltaNet", "accuracy [95 % t interval]", "above 0.95", "against `plain`"],
            arms,
        ),
    ]


def _flip_flop(t: Table) -> list[str]:
    rows = [
        [
            f"`{c}`",
            *(f"{t.text(c, s)} ({_number(t, c, s, above=0.999)})" for s in rules.SPLITS),
        ]
        for c in rules.IGNORING
    ]
    return [_table(["cell", "80 % to ignore", "98 % (`test_sparse`)", "10 % (`test_dense`)"], rows)]


def _tuned(t: Table) -> list[str]:
    known = {"mingru": (225, 8.377), "lstm": (65, 8.641), "nas": (39, 8.899)}
    known |= {"gru": (79, 9.009), "rhn": (68, 9.388)}
    others = [c for c in known if c != "lstm"]
    tests = dict(zip(others, t.tests([(c, "lstm") for c in others]), strict=True))
    rows = [
        [
            f"`{c}`",
            str(units),
            f"{best:.3f}",
            t.text(c),
            "" if c == "lstm" else t.less(c, "lstm"),
            "" if c == "lstm" else f"{tests[c].p:.2g}",
            f"{t.mean(c) - best:.3f}",
        ]
        for c, (units, best) in known.items()
    ]
    header = ["cell", "units", "best trial", "fresh seeds", "difference to `lstm`", "p"]
    return [_table([*header, "fresh seeds less best trial"], rows)]


def _recall_state(t: Table) -> list[str]:
    rows = []
    for c in t.ranked(rules.RECALL, " match=state:940", best=True):
        labels = [f"{c} match=state:{k}" for k in rules.STATES]
        shown = [f"{t.mean(g):.3f} ({_number(t, g, above=0.8)})" for g in labels]
        rows.append([f"`{c}`", *shown, f"{t.mean(labels[2]) - t.mean(labels[0]):.3f}"])
    return [_table(["cell", "state of 226", "490", "940", "from 226 to 940"], rows)]


def _mad(t: Table) -> list[str]:
    rows = [
        [
            f"`{c}`",
            *(f"{t.mean(f'{c} {words}'):.3f}" for words in rules.MAD.values()),
            t.text(rules.mad_score(t, c)),
        ]
        for c in rules.mad_cells(t)
    ]
    tasks = [task.replace("_", " ").replace("in c", "in-c") for task in rules.MAD]
    return [_table(["cell", *tasks, "MAD score"], rows)]


_BARE = {"jsb_music21": {"mingru": 103, "janet": 68, "lstm": 45, "mgu": 68, "cifg": 53, "gru": 53}}
_BARE["adding"] = {"mingru": 139, "janet": 81, "lstm": 57, "mgu": 81, "cifg": 66, "gru": 66}
_IN_BLOCK = {"lstm": 35, "mingru": 44, "cifg": 37, "mgu": 40, "janet": 40, "gru": 37}
_PARTS = {"verdict": verdict, "checks": checks, "table": tables, "second": second}
TABLES: dict[str, Callable[[Table], list[str]]] = {
    "memory_bias": _arms("memory_bias", "test accuracy", ("above", 0.95), ("below", 0.2)),
    "adding": _arms("adding", "test error", ("below", 0.02), ("above", 0.15)),
    "odyssey": _odyssey,
    "chorales": _chorales,
    "state_tracking": _state_tracking,
    "mnist1d": _arms("mnist1d", "test accuracy"),
    "mnist1d_own": _arms("mnist1d_own", "test accuracy"),
    "gates_of_gu": _gates_of_gu,
    "minimal_cells": _fewer(_BARE),
    "new_gate": _arms("new_gate", "test error", ("below", 0.02), ("above", 0.15)),
    "what_gates_do": _what_gates_do,
    "char_lm_tuned": _char_lm_tuned,
    "blocks": _blocks,
    "minimal_cells_block": _fewer({"jsb_music21": _IN_BLOCK, "adding": _IN_BLOCK}),
    "flip_flop": _flip_flop,
    "tuned": _tuned,
    "recall_state": _recall_state,
    "mad": _mad,
}
