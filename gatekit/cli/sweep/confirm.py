"""``gatekit confirm``: repeat each variant's best trial on fresh seeds."""

from __future__ import annotations

import shlex

from gatekit.cell.errors import ConfigError, listed
from gatekit.cli.arguments import Parser
from gatekit.cli.output import print_text
from gatekit.compare.options import split
from gatekit.faults import Whole


def run(parser: Parser) -> int:
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
                f"{word}: confirm repeats runs of the study unchanged; type only {listed(allowed)} "
                "or hydra.launcher.KEY."
            )
    chosen, first = best(
        study_folder(options.study, options.root, parser.command), split(options.by)
    )
    if all(each.trials == 1 for each in chosen):
        of = " and ".join(chosen[0].by)
        extend = f"gatekit extend {options.study} --seeds {first + options.seeds}"
        varying = (
            f" To define variants by another key, add --by KEY: {parser.command} takes the best "
            "of each."
        )
        raise ConfigError(
            f"study {options.study} has one trial of each {of}, so there is no best "
            f"one to confirm. For more seeds, type {extend}.{varying}"
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
