"""Writes the page of the tasks, docs/tasks.md, from their docstrings: ``make tasks``."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from gatekit.registry import tasks
from gatekit.tasks.streamed import StreamedTask
from gatekit.tasks.task import Task

PAGE = Path(__file__).parents[1] / "docs" / "tasks.md"
NEEDED = ("Chance", "Separates", "Time", "Reference")
"""The sections that the docstring of every bundled task has, besides its recipe."""
COLUMNS = ("task", "question", "metric", "chance", "separates", "time", "source")
HEAD = """# Tasks

These are the bundled tasks. `make tasks` generates this page from their docstrings, and
`gatekit tasks` lists them. `task=NAME` chooses a task, `task.OPTION=VALUE` sets an option, and any
other value may refer to an option as `${task.length}`. All numbers were measured, and the page
states by whom. A task without numbers has not been measured.

Streamed tasks draw fresh training data for every step, from the run's seed. Their validation and
test sets are always the same and have the options `validation_size`, `test_size` and `data_seed`.
Some tasks have further test sets of longer sequences, such as `test_256`. These choose nothing, and
`gatekit compare STUDY --split test_256` compares on them. Chance is the metric of the best guess
that ignores the input; tests check it by simulation.

Unless noted otherwise, numbers measured in gatekit come from one run each, with seed 0:
`gatekit train task=NAME cell=CELL units=64 trainer.batch=32 optimizer.learning_rate=2e-3
trainer.steps=STEPS`. The runs used one thread of a machine with two busy cores, so the seconds are
too high. A time *for 1,000 steps* or *an epoch* is the processor time of one core for the training
steps of that LSTM, scaled from a few of them. Evaluations and the start of the run are extra.

"""
_SECTION = re.compile(
    r"^(Args|Chance|Separates|Time|Measured|Published|References?|Raises): ?(.*)$"
)
_OPTION = re.compile(r"^([a-z_]+): (.*)$")
_wrapped = partial(textwrap.fill, width=138, break_long_words=False, break_on_hyphens=False)


def sections(kind: type[Task]) -> dict[str, str]:
    """Return the parts of a task's docstring: ``Summary``, ``Recipe``, then each by its heading."""
    found: dict[str, list[str]] = {"Text": []}
    current = "Text"
    for line in (inspect.getdoc(kind) or "").splitlines():
        if match := _SECTION.match(line):
            current = match.group(1)
            found[current] = [match.group(2)]
        else:
            found[current].append(line)
    summary, _, recipe = "\n".join(found.pop("Text")).partition("\n\n")
    parts = {name: _joined("\n".join(lines)) for name, lines in found.items() if name != "Args"}
    args = textwrap.dedent("\n".join(found.get("Args", [])[1:])).strip()
    return {"Summary": _joined(summary), "Recipe": recipe.strip(), "Args": args, **parts}


def _joined(text: str) -> str:
    return " ".join(text.split())


def options(text: str) -> Iterator[tuple[str, str]]:
    """Return the options that the section ``Args`` describes, with their descriptions."""
    name, said = "", ""
    for line in text.splitlines():
        if match := _OPTION.match(line):
            if name:
                yield name, _joined(said)
            name, said = match.groups()
        else:
            said += f" {line}"
    if name:
        yield name, _joined(said)


def page(known: Mapping[str, type[Task]]) -> str:
    """Return the page of some tasks."""
    lines = [_row(COLUMNS), "|" + "---|" * len(COLUMNS)]
    for name, kind in sorted(known.items()):
        said = sections(kind)
        metric = f"{kind.metric.name} ({kind.metric.direction})"
        lines.append(
            _row(
                (
                    f"[`{name}`](#{name})",
                    said["Summary"],
                    metric,
                    said["Chance"].partition(", ")[0],
                    said["Separates"],
                    said["Time"],
                    kind.reference,
                )
            )
        )
    return HEAD + "\n".join([*lines, *(_entry(n, k) for n, k in sorted(known.items()))]) + "\n"


def _entry(name: str, kind: type[Task]) -> str:
    said = sections(kind)
    lines = [f"\n## {name}\n", said["Summary"], "", said["Recipe"], ""]
    for option, text in options(said["Args"]):
        default = getattr(kind, option, None)
        default = list(default) if isinstance(default, tuple) else default
        default = "null" if default is None else default
        lines.append(_wrapped(f"- `task.{option}` ({default}): {text}", subsequent_indent="  "))
    lines += ["", f"{'Streamed' if issubclass(kind, StreamedTask) else 'Fixed training set'}. "]
    lines[-1] += f"Unit: {kind.metric.unit}."
    for part in ("Chance", "Separates", "Time", "Measured", "Published", "Reference"):
        if part in said:
            # One sentence a line, except after "et al.".
            sentences = re.split(r"(?<=[^l]\.) (?=[A-Z])", f"**{part}.** {said[part]}")
            lines += ["", *map(_wrapped, sentences)]
    text = "\n".join(lines).replace("``", "`")
    return re.sub(r"\n{3,}", "\n\n", text)


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("``", "`").replace("|", r"\|") for cell in cells) + " |"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(tasks()), encoding="utf-8")


if __name__ == "__main__":
    main()
