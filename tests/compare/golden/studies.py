"""Run folders rebuilt from the results of experiments; scores are real, curves are not."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from pathlib import Path
from typing import Any

import yaml
from seams import Comparison, comparison_html, print_table, to_csv, to_json, to_latex
from seams import compare_runs as compare

from ..synthetic import METRIC, configuration, write_run

EXPERIMENTS = Path(__file__).parents[3] / "experiments"
SMALL = ("char_lm_tuned", "memory_bias")
"""Studies of several tasks and of one, whose whole output is kept."""
LARGE = ("chorales", "mad", "minimal_cells", "new_gate", "odyssey", "what_gates_do")
WIDTHS = (44, 80, 140)

_ACCURACY = {"name": "accuracy", "direction": "max", "unit": "", "chance": 0.125}
_ERROR = {"name": "mse", "direction": "min", "unit": "squared error", "chance": 0.167}
_LOSS = {"name": "nll", "direction": "min", "unit": "nats/character", "chance": 4.6}
_METRICS = {"adding": _ERROR, "char_lm_tuned": _LOSS, "new_gate": _ERROR}
_METRICS |= dict.fromkeys(("memory_bias", "mad", "mnist1d", "what_gates_do"), _ACCURACY)
_DIGITS = re.compile(r"-?\d+\.\d{10,}(e[+-]?\d+)?")


def rebuild(study: str, root: Path) -> None:
    """Write a run folder for each row of a study's results."""
    with (EXPERIMENTS / study / "results.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            config = _config(row["group"], int(row["seed"]))
            task = config["task"]["name"]
            metric = _METRICS.get(task) or _METRICS.get(study) or METRIC
            best, start = float(row["validation"]), float(metric["chance"])  # type: ignore[arg-type]
            count = int(row["recurrent_parameters"])
            seconds = float(row["seconds"])
            write_run(
                root / study / "runs",
                config,
                float(row["test"]),
                state=row["state"],
                validation=[start, (start + best) / 2, best],
                metric=metric,
                parameters={"recurrent": count, "total": count + 8888},
                seconds={"total": seconds, "step": seconds / 1000},
            )


def _config(label: str, seed: int) -> dict[str, Any]:
    cell, _, rest = label.partition(" ")
    if "=" in cell:
        cell, rest = "lstm", label
    config = configuration("lstm", seed, cell__name=cell)
    for word in rest.split():
        key, _, text = word.partition("=")
        value = yaml.safe_load(text)
        if key in ("task", "optimizer"):
            config[key]["name"] = value
        elif key in ("length", "items"):
            config["task"][key] = value
        elif key == "clipnorm":
            config["optimizer"][key] = value
        else:
            config[key] = value
    if "optimizer=" in rest and "clipnorm=" not in rest:
        del config["optimizer"]["clipnorm"]
    return config


def outputs(comparison: Comparison) -> dict[str, str]:
    """Return the text of each file of the seven formats.

    Numbers of JSON and CSV are rounded to ten digits, because the last ones depend on the machine.
    """
    files = {f"terminal_{width}.txt": _terminal(comparison, width) for width in WIDTHS}
    return files | {
        "latex.tex": to_latex(comparison),
        "notebook.html": comparison_html(comparison),
        "json.json": _rounded(to_json(comparison)),
        "csv.csv": _rounded(to_csv(comparison)),
    }


def written(study: str, root: Path) -> dict[str, str]:
    """Return the outputs for a rebuilt study."""
    rebuild(study, root)
    return outputs(compare(study, root))


def hashes(files: dict[str, str]) -> dict[str, str]:
    """Return the start of the SHA-256 hash of each file."""
    return {name: hashlib.sha256(text.encode()).hexdigest()[:16] for name, text in files.items()}


def _terminal(comparison: Comparison, width: int) -> str:
    stream = io.StringIO()
    print_table(comparison, stream, width)
    return stream.getvalue()


def _rounded(text: str) -> str:
    return _DIGITS.sub(lambda found: f"{float(found[0]):.10g}", text)
