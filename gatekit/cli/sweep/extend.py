"""``gatekit extend``: add seeds to a study, by number or until every difference is decided."""

from __future__ import annotations

import re
import shlex
import sys
from argparse import Namespace
from typing import Any

from gatekit.cell.errors import ConfigError
from gatekit.cli.arguments import Parser
from gatekit.cli.output import print_text, write_json
from gatekit.compare.options import CHOICE, FAMILY, add_options, asked
from gatekit.compare.options import typed as shown
from gatekit.faults import Whole
from gatekit.runs.names import as_root


def run(parser: Parser) -> int:
    """Add seeds to a study.

    Returns:
        0, 1 if a run failed or has no outcome yet, 128 + n after signal n.
    """
    for word in parser.typed:
        if re.fullmatch(r"(--(seeds|most)=)?\+\d+", word):
            option = "--most" if "--most" in " ".join(parser.typed) else "--seeds"
            number = word.partition("+")[2]
            raise ConfigError(
                f"{word.rpartition('=')[2]}: {option} is the total number of seeds, including "
                f"those that the study has; type {option} {number} for the seeds 0 to "
                f"{int(number) - 1}."
            )
    options = _options(parser)

    from gatekit.study.extend import refuse_variants

    refuse_variants(options.study, options.overrides)
    if (options.seeds is None) != options.until_decided:
        raise ConfigError(
            "type either --until-decided --most N, which compares after each step, or --seeds N, "
            "which only adds seeds."
        )

    looked = shown(asked(options, *FAMILY, *CHOICE))
    looked += ["--most"] * bool(options.most) + ["--step"] * bool(options.step)
    if options.seeds is not None and looked:
        raise ConfigError(
            f"{looked[0]} is of the comparison of --until-decided, and --seeds adds seeds to every "
            "variant: omit it, or for some variants repeat their gatekit train command with "
            f"seeds={options.seeds}."
        )

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
