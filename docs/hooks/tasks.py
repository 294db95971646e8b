"""The parts of the site's page on tasks, written from their docstrings when the site is built.

``make tasks`` writes the table docs/tasks.md, which is committed.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from gatekit.registry import tasks
from gatekit.tasks.describe import PARTS, describe
from gatekit.tasks.task import Task

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tasks.md"
COLUMNS = ("task", "question", "metric", "chance", "source")
HEAD = """# Tasks

These are the bundled tasks. `make tasks` generates this page from their docstrings.
`gatekit tasks` lists them, and `gatekit tasks NAME` prints what is known of one: its recipe,
options, chance, what it separates, the time it takes, and measured and published numbers.
`task=NAME` chooses a task, `task.OPTION=VALUE` sets an option, and any other value may refer to an
option as `${task.length}`. All numbers were measured, and the description of a task states by whom.
A task without numbers has not been measured.

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
_ROW = re.compile(r"^\| \[`(\w+)`\]\([^)]*\)", re.MULTILINE)
_wrapped = partial(textwrap.fill, width=138, break_long_words=False, break_on_hyphens=False)


def page(known: Mapping[str, type[Task]]) -> str:
    """Return the table of some tasks."""
    rows = [COLUMNS, ("---",) * len(COLUMNS)]
    for name, kind in sorted(known.items()):
        file = Path(inspect.getfile(kind)).resolve().relative_to(ROOT)
        d = describe(name, kind)
        metric = f"{d['metric']} ({d['direction']})"
        chance = d["chance"].partition(", ")[0]
        link = f"[`{name}`](../{file})"
        rows.append((link, d["summary"], metric, chance, d["reference"] and kind.reference))
    return HEAD + "\n".join(map(_row, rows)) + "\n"


def entry(name: str, kind: type[Task]) -> str:
    """Return what the site's page has on a task."""
    d = describe(name, kind)
    lines = [f"\n## {name}\n", d["summary"], "", d["recipe"], ""]
    for option in d["options"]:
        text = f"- `task.{option['name']}` ({option['default']}): {option['text']}"
        lines.append(_wrapped(text, subsequent_indent="  "))
    data = "Streamed" if d["data"] == "streamed" else "Fixed training set"
    lines += ["", f"{data}. Unit: {d['unit']}."]
    for part in PARTS:
        if text := d[part.lower()]:
            # One sentence a line, except after "et al.".
            sentences = re.split(r"(?<=[^l]\.) (?=[A-Z])", f"**{part}.** {text}")
            lines += ["", *map(_wrapped, sentences)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines).replace("``", "`"))


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return the page of the tasks with a part for each."""
    if page.file.src_uri != PAGE.name:
        return markdown
    known = tasks()
    rows = _ROW.sub(r"| [`\1`](#\1)", markdown)
    return rows + "\n" + "\n".join(entry(name, known[name]) for name in sorted(known)) + "\n"


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("``", "`").replace("|", r"\|") for cell in cells) + " |"


def main() -> None:
    """Write the table."""
    PAGE.write_text(page(tasks()), encoding="utf-8")


if __name__ == "__main__":
    main()
