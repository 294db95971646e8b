"""The results as tables: on the terminal, and in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table

from .contender import FLOOR, LIBRARIES, OWN
from .ratio import Ratio, best, ratio
from .results import Race, Results, Timing
from .targets import Verdict, verdicts

MIB = 2**20


def table(race: Race, clock: str) -> RenderableType:
    """Return the table of one race, ready to print.

    Args:
        race: what was measured.
        clock: the clock that the ratios are taken from, ``wall`` or ``cpu``.
    """
    plural = "s" * (race.threads > 1)
    title = f"{race.cell}, {race.what}, {race.size}, {race.threads} thread{plural}"
    found = Table(title=title, title_justify="left")
    found.add_column("contender")
    reference = race.best(clock, OWN) or race.timings[0]
    headings = ["wall ms", "cpu ms", "first s", "peak MiB"]
    for heading in (*headings, f"to {reference}", "quartiles"):
        found.add_column(heading, justify="right")
    for timing in race.timings:
        relative = ratio(reference, timing, clock)
        found.add_row(
            str(timing),
            f"{1000 * timing.median('wall'):.2f}",
            f"{1000 * timing.median('cpu'):.2f}",
            f"{timing.build + timing.first_call:.1f}",
            f"{timing.peak / MIB:.0f}",
            f"{relative.median:.2f}",
            f"{relative.low:.2f} to {relative.high:.2f}",
        )
    sentences = [_sentence(ratio(reference, peer, clock)) for peer in best(race, clock)]
    shown = sentences[1:] if reference.own and race.what != "memory" else []
    failures = [f"  left out: {name}: {why}" for name, why in race.failed.items()]
    return Group(found, *shown, *failures)


def _sentence(found: Ratio) -> str:
    return (
        f"  {found.own} against {found.peer}: {found.median:.2f}x as fast "
        f"(quartiles {found.low:.2f} to {found.high:.2f})"
    )


def target_table(found: Sequence[Verdict]) -> RenderableType:
    """Return the table of the targets, ready to print."""
    table = Table(title="Targets, one thread", title_justify="left", expand=True)
    table.add_column("what", ratio=3)
    table.add_column("must", ratio=2)
    table.add_column("aim", ratio=2)
    table.add_column("measured", ratio=3)
    table.add_column("outcome", no_wrap=True)
    for verdict in found:
        table.add_row(verdict.what, verdict.must, verdict.aim, verdict.measured, verdict.outcome)
    return table


def markdown(results: Results, clock: str) -> str:
    """Return everything as Markdown: machine, targets, and tables by kind and number of threads.

    Args:
        results: what was measured.
        clock: the clock that ratios are taken from.
    """
    machine = results.machine
    versions = ", ".join(f"{n} {v}" for n, v in machine["versions"].items() if v)
    lines = [
        "<!-- written by python -m experiments.speed; do not edit -->",
        f"{machine['processor']}, {machine['cores']} cores; {machine['system']}; "
        f"Python {machine['python']}, {versions}.",
        _when(results),
        "",
        "### Targets",
        "",
        "| what | must | aim | measured | outcome |",
        "|---|---|---|---|---|",
    ]
    for v in verdicts(results, clock):
        lines.append(f"| {v.what} | {v.must} | {v.aim} | {v.measured} | {v.outcome} |")
    lines += ["", "Traces and compilations are counted by `tests/recurrence/test_retraces.py`.", ""]
    lines += [
        "Below: how many times as long the best mode of each library took as gatekit's best, with "
        "the quartiles of the pairs and the mode; then milliseconds, each library's best in bold."
    ]
    kinds = sorted({(r.threads, r.every_step, r.what) for r in results.races}, key=_kind)
    for threads, every_step, what in kinds:
        races = results.find(threads=threads, every_step=every_step, what=what)
        lines += ["", f"### {_heading(what, threads, every_step)}", ""]
        if what == "memory":
            lines += _memory_rows(races)
            continue
        lines += [*_ratio_rows(races, clock), ""]
        lines += _rows(races, lambda t: f"{1000 * t.median(clock):.2f}", clock)
        if what == "train":
            lines += [
                "",
                "Until the first step is made, in seconds: building, tracing and compiling:",
                "",
            ]
            lines += _rows(races, lambda t: f"{t.build + t.first_call:.1f}", None)
    return "\n".join(lines) + "\n"


def _when(results: Results) -> str:
    """Return when and at which revisions it was measured, the rounds, and the highest load."""
    about = [race.about for race in results.races if race.about]
    if not about:
        return ""
    days = sorted({str(a["when"])[:10] for a in about})
    revisions = ", ".join(sorted({str(a["revision"]) for a in about}))
    rounds = ", ".join(str(n) for n in sorted({a["pairs"] for a in about}))
    load = max(a["load"][0] for a in about)
    dates = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return f"Measured {dates}, revision {revisions}; {rounds} rounds; load at most {load:.1f}."


_ORDER = ("train", "forward", "memory")


def _kind(entry: tuple[int, bool, str]) -> tuple[int, bool, int]:
    threads, every_step, what = entry
    return (threads, every_step, _ORDER.index(what))


def _heading(what: str, threads: int, every_step: bool) -> str:
    names = {
        "train": "Training step",
        "forward": "Forward only",
        "memory": "Peak memory of a training step, MiB",
    }
    loss = ", loss at every step" if every_step else ""
    return f"{names[what]}, {threads} thread{'s' * (threads > 1)}{loss}"


def _ratio_rows(races: list[Race], clock: str) -> list[str]:
    """Return rows of cell and size: how many times as long the best of each library took."""
    peers = [library.name for library in LIBRARIES if library.name != OWN]
    shown = [p for p in peers if any(t.library == p for race in races for t in race.timings)]
    head = ["cell", "batch, time, features, units", "gatekit", *shown]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for race in races:
        own = race.best(clock, OWN)
        cells = [own.mode if own else ""]
        for name in shown:
            peer = race.best(clock, name)
            cells.append(_spread(ratio(own, peer, clock)) if own and peer else "")
        lines.append(f"| {race.cell} | {race.size} | {' | '.join(cells)} |")
    return lines


def _spread(found: Ratio) -> str:
    mode = "" if found.peer.library.startswith(FLOOR) else f" {found.peer.mode}"
    return f"{found.median:.2f}x ({found.low:.2f} to {found.high:.2f}){mode}"


def _rows(races: list[Race], shown: Callable[[Timing], str], clock: str | None) -> list[str]:
    """Return rows of cell and size, a column a contender; with a clock, the bests are bold."""
    columns = list(dict.fromkeys(str(t) for race in races for t in race.timings))
    head = ["cell", "batch, time, features, units", *columns]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for race in races:
        fastest = {str(timing) for timing in best(race, clock)} if clock else set()
        texts = {str(timing): shown(timing) for timing in race.timings}
        cells = [f"**{texts[c]}**" if c in fastest else texts.get(c, "") for c in columns]
        lines.append(f"| {race.cell} | {race.size} | {' | '.join(cells)} |")
    return lines


def _memory_rows(races: list[Race]) -> list[str]:
    lines = [
        "| cell | batch, time, features, units | contender | resident | of its own, without the "
        "libraries |",
        "|---|---|---|---|---|",
    ]
    for race in races:
        for timing in race.timings:
            lines.append(f"| {race.cell} | {race.size} | {timing} | {_mib(timing)} |")
    return lines


def _mib(timing: Timing) -> str:
    return f"{timing.peak / MIB:.0f} | {(timing.peak - timing.base) / MIB:.0f}"
