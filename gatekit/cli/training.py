"""Commands that train: plan, confirm and extend; train itself is in `gatekit.study.command`."""

from __future__ import annotations

import dataclasses
import re
import shlex
import sys
import textwrap
from argparse import Namespace
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from gatekit.cell.analysis.cost import added_text
from gatekit.cell.errors import ConfigError, listed
from gatekit.cli.options import Parser
from gatekit.cli.output import print_text, write_json, write_table
from gatekit.compare.options import CHOICE, FAMILY, add_options, asked, split
from gatekit.compare.options import typed as shown
from gatekit.faults import Whole
from gatekit.runs.config import chosen_by
from gatekit.runs.names import as_root
from gatekit.runs.result import OUTCOMES

if TYPE_CHECKING:
    from gatekit.study.dry_run import Preview, VariantPreview


_PARTS = ("decayed", "left_out")
SIZES = {"state": "state", "flops": "FLOPs/token"}
"""The column for the size that ``match=`` makes equal, by its field in `VariantPreview`."""

HELP = """usage: gatekit plan [-m] KEY=VALUE ... [--list] [--json]

Show what `gatekit train` would do with the same arguments: which runs are
done, failed, stale or still to run. Each variant is tried for three training
steps in a temporary folder, which shows its time and memory. Nothing is
stored, and no run starts.

  --list  only list the runs; do not try anything
  --json  write JSON
"""


def show_plan(parser: Parser) -> int:
    """Show what ``gatekit train`` would do.

    Returns:
        0, or 1 if a variant is broken.
    """
    if "--help" in parser.typed or "-h" in parser.typed:
        print_text(HELP)
        return 0
    own = ("--list", "--json", "--debug")
    words = [a for a in parser.typed if a not in own]

    from gatekit.runs.studies.plan_file import refuse_older
    from gatekit.study.command import compose
    from gatekit.study.dry_run import preview
    from gatekit.study.plan import plan_or_errors

    planned, broken = plan_or_errors(compose(words, own[:2]))
    refuse_older(planned.study)
    dry_run = preview(planned, broken, try_out="--list" not in parser.typed)
    if "--json" in parser.typed:
        write_json(dataclasses.asdict(dry_run))
    else:
        _text(dry_run)
    return 1 if dry_run.broken or any(trial.error for trial in dry_run.trials) else 0


def _text(plan: Preview) -> None:
    from gatekit.study.plan import words_of

    rows = [_row(trial) for trial in plan.trials]
    same = set.intersection(*(set(words_of(trial.label)) for trial in plan.trials))
    for row, trial in zip(rows, plan.trials, strict=True):
        differs = " ".join(word for word in words_of(trial.label) if word not in same)
        row["variant"] = differs or trial.label or "as configured"
    always = ("to run", "units", "variant")
    columns = [*("to run", "done", "failed", "stale", "units")]
    # `gatekit compare` counts all parameters; without a dry run, only recurrent ones are known.
    columns += ["parameters" if any(t.total for t in plan.trials) else "recurrent parameters"]
    budgets = {chosen_by(trial.match) for trial in plan.trials}
    columns += [title for budget, title in SIZES.items() if budget in budgets]
    columns += [*("ms/step", "s/run", "MiB", "variant")]
    write_table(rows, [c for c in columns if c in always or any(row[c] for row in rows)])
    _added(plan, [row["variant"] for row in rows])
    _recipe(plan)
    _modes(plan, [row["variant"] for row in rows])
    for trial in plan.trials:
        if trial.error:
            print_text(f"BROKEN {trial.label}: {trial.error}")
    for label, error in plan.broken:
        print_text(f"BROKEN {label}: {error}")
    todo = sum(trial.todo for trial in plan.trials)
    runs = f"{todo} run{'' if todo == 1 else 's'} of study {plan.study}"
    print_text(f"`gatekit train` would start {runs}, {plan.slots} at a time.")
    if plan.seconds is not None:
        from gatekit.study.launch.following import duration

        print_text(
            f"At most {duration(plan.seconds)} in total, estimated from three steps per variant."
        )
    if plan.memory:
        need, there = plan.memory / 2**30, plan.available / 2**30
        has = f"; {plan.place} has {there:.1f} GiB" if there else f" in {plan.place}"
        print_text(f"About {need:.1f} GiB of memory{has}.")
        if 0 < there < need:
            sys.stderr.write(
                "gatekit plan: this is too much memory; type a smaller n_jobs or, on Slurm, a "
                "larger hydra.launcher.memory_gb.\n"
            )


def _added(plan: Preview, variants: Sequence[str]) -> None:
    """Show what gates add to a cell, in one line per variant with other weights or states."""
    named = dict(zip((trial.label for trial in plan.trials), variants, strict=True))
    for trial in plan.trials:
        if trial.added and (trial.added["parameters"] or trial.added["state"]):
            more = added_text(trial.added)
            text = f"{named[trial.label]} adds to {named[trial.added['to']]}: {more}."
            print_text(textwrap.fill(text, 80, break_on_hyphens=False))


def _recipe(plan: Preview) -> None:
    """Show the schedules of the learning rate, and the weights that do not decay."""
    schedules = [numbers for trial in plan.trials for numbers in trial.schedules]
    rows = [
        {
            "schedule": each["kind"],
            "peak rate": f"{each['peak']:g}",
            "warm-up steps": each["warmup"],
            "decay from": each["decay_from"] if each["decay_from"] < each["steps"] else "",
            "final rate": "" if each["final"] is None else f"{each['final']:g}",
            "steps": f"{each['steps']:,}",
        }
        for each in schedules
    ]
    distinct = list({str(row): row for row in rows}.values())
    if distinct:
        print_text("")
        write_table(distinct, list(distinct[0]))
        print_text("")
    decays = [trial.weight_decay for trial in plan.trials if trial.weight_decay is not None]
    together = {part: _alike(name for each in decays for name in each[part]) for part in _PARTS}
    # One line covers all variants, unless a weight decays in one variant but not in another.
    each_its_own = set(together["decayed"]) & set(together["left_out"])
    lines = []
    for some in decays if each_its_own or not decays else [together]:
        decayed, left_out = (", ".join(some[part]) for part in _PARTS)
        without = f"; not on {left_out}" if left_out else ""
        lines.append(f"Weight decay on {decayed or 'no weight'}{without}.")
    for line in dict.fromkeys(lines):
        print_text(textwrap.fill(line, 80, break_on_hyphens=False))


def _alike(names: Iterable[str]) -> list[str]:
    """Return the distinct names of weights, with ``*`` in place of a layer's number."""
    return list(dict.fromkeys(re.sub(r"(?<=_)\d+(?=/)", "*", name) for name in names))


def _modes(plan: Preview, variants: Sequence[str]) -> None:
    """Show what ``jit=auto`` decides, and why, in one line per decision."""
    variants_of: dict[str, list[str]] = {}
    for trial, variant in zip(plan.trials, variants, strict=True):
        if trial.jit is not None and str(trial.jit_reason).startswith("auto: "):
            reason = str(trial.jit_reason).removeprefix("auto: ")
            variants_of.setdefault(f"jit={str(trial.jit).lower()}: {reason}.", []).append(variant)
    for text, names in variants_of.items():
        who = "" if len(variants_of) == 1 else f"{', '.join(names)}: "
        print_text(textwrap.fill(f"{who}{text}", 80, break_on_hyphens=False))


def _row(trial: VariantPreview) -> dict[str, Any]:
    def count(*states: str) -> str:
        number = sum(trial.states.get(state, 0) for state in states)
        return str(number) if number else ""

    def number(value: float | None, factor: float, digits: int) -> str:
        return "" if value is None else f"{value * factor:,.{digits}f}"

    return {
        "to run": trial.todo,
        "done": count(*OUTCOMES),
        "failed": count("FAILED"),
        "stale": trial.stale or "",
        "units": trial.units,
        "recurrent parameters": f"{trial.parameters:,}",
        "parameters": "" if trial.total is None else f"{trial.total:,}",
        **{
            title: "" if (size := getattr(trial, budget)) is None else f"{size:,}"
            for budget, title in SIZES.items()
        },
        "ms/step": number(trial.step, 1e3, 1),
        "s/run": number(trial.seconds, 1, 1),
        "MiB": number(None if trial.memory is None else float(trial.memory), 2**-20, 0),
    }


def confirm(parser: Parser) -> int:
    """Repeat the best trial of each variant.

    Returns:
        0, 1 if a run failed or has no outcome yet, 128 + n after signal n.
    """
    parser.add_study("the study that contains the trials")
    parser.add_overrides("n_jobs, threads, hydra.launcher.KEY ...")
    parser.add_root()
    parser.add_argument(
        "--by",
        action="append",
        default=[],
        metavar="KEY,KEY",
        help="the keys that distinguish variants (default: cell)",
    )
    parser.add_argument(
        "--seeds", type=Whole(1), default=10, help="number of fresh seeds per variant (default: 10)"
    )
    parser.add_argument(
        "--into", metavar="STUDY", help="the study for the new runs (default: STUDY_confirm)"
    )
    options = parser.read()

    from gatekit.compare.numbers import count_of
    from gatekit.runs.names import study_name
    from gatekit.runs.studies.survey import study_folder
    from gatekit.study.command import compose
    from gatekit.study.config import validate
    from gatekit.study.keys import LAUNCH_KEYS
    from gatekit.study.launch import launch, report
    from gatekit.study.plan import launch_of
    from gatekit.study.resolve import plain
    from gatekit.study.search.confirm import best, confirming

    allowed = [k for k in LAUNCH_KEYS if k not in ("study", "root", "seeds", "trials")]
    for word in options.overrides:
        key = word.partition("=")[0]
        if key not in allowed and not key.startswith("hydra.launcher."):
            raise ConfigError(
                f"{word}: confirm takes only {listed(allowed)} and hydra.launcher.KEY"
            )
    chosen, first = best(
        study_folder(options.study, options.root, parser.command), split(options.by)
    )
    if all(each.trials == 1 for each in chosen):
        of = " and ".join(chosen[0].by)
        raise ConfigError(
            f"study {options.study} has one trial of each {of}, so there is no best one to confirm"
        )
    into = study_name(options.into or f"{options.study}_confirm")
    words = [*options.overrides, f"study={into}", f"root={options.root}"]
    ((_, composed),) = compose(words)
    where = launch_of(composed, validate(plain(composed, {})))
    seeds = range(first, first + options.seeds)
    plan = confirming(chosen, seeds, where, shlex.join(["gatekit", parser.command, *parser.typed]))
    for each in chosen:
        typed = " ".join(w for w in each.words if w.partition("=")[0] not in ("study", "root"))
        print_text(f"{each.label}: best of {each.trials} trials, validation {each.validation:.4g}")
        print_text(f"    {typed}")
    among = f"seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"
    print_text(f"{count_of(len(plan.runs), 'run')} with {among} in study {into}.")
    outcome = launch(plan)
    print_text(report(plan, outcome))
    return outcome.code


def extend(parser: Parser) -> int:
    """Add seeds to a study.

    Returns:
        0, 1 if a run failed or has no outcome yet, 128 + n after signal n.
    """
    wrong = next((w for w in parser.typed if re.fullmatch(r"(--(seeds|most)=)?\+\d+", w)), None)
    if wrong is not None:
        raise ConfigError(f"{wrong}: a total number of seeds is expected, without +")
    options = _options(parser)

    from gatekit.study.extend import refuse_variants

    refuse_variants(options.study, options.overrides)
    if (options.seeds is None) != options.until_decided:
        raise ConfigError("either --until-decided or --seeds N is expected, and not both")

    looked = shown(asked(options, *FAMILY, *CHOICE))
    looked += ["--most"] * bool(options.most) + ["--step"] * bool(options.step)
    if options.seeds is not None and looked:
        raise ConfigError(f"{looked[0]} belongs to --until-decided, and not to --seeds")

    from gatekit.compare.more_seeds import add_seeds, until_decided

    typed = (word for word in parser.typed if word != "--debug")
    how: dict[str, Any] = {
        "words": options.overrides,
        "command": shlex.join(["gatekit", parser.command, *typed]),
        "trusted": options.trust_config,
        "show": _show if options.json else print_text,
        "stream": sys.stderr if options.json else None,
    }
    if options.seeds is not None:
        code = add_seeds(options.study, options.root, options.seeds, **how)
    else:
        how |= {"most": options.most, "step": options.step}
        how["asked"] = asked(options, *FAMILY, *CHOICE)
        code = until_decided(options.study, options.root, **how)
    if options.json:
        _write_json(options, code)
    elif not code:
        print_text(f"Now type: gatekit compare {options.study}{as_root(options.root)}")
    return code


def _show(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _write_json(options: Namespace, code: int) -> None:
    import dataclasses
    from pathlib import Path

    from gatekit.runs.studies import interim_file

    read = interim_file.read(Path(options.root) / options.study)
    data = None if read is None else dataclasses.asdict(read)
    write_json({"study": options.study, "code": code, "looks": data})


def _options(parser: Parser) -> Namespace:
    parser.add_study("the study; its recorded commands are repeated")
    parser.add_overrides("n_jobs, threads, hydra.launcher.KEY ...")
    parser.add_root()
    parser.add_argument(
        "--seeds", type=Whole(1), metavar="N", help="add seeds up to N, without a look"
    )
    parser.add_argument(
        "--until-decided",
        action="store_true",
        help="add seeds step by step and compare after each, until every difference is decided; the"
        " options of the comparison are fixed at the first look",
    )
    parser.add_argument(
        "--most",
        type=Whole(1),
        metavar="N",
        help="the largest number of seeds; fixed at the first look",
    )
    parser.add_argument(
        "--step",
        type=Whole(1),
        metavar="K",
        help="seeds per look (default: a tenth of --most)",
    )
    add_options(parser, *FAMILY, *CHOICE)
    parser.add_argument(
        "--trust-config", action="store_true", help="needed if the study was trained with it"
    )
    parser.add_json("write the looks as JSON")
    return parser.read()
