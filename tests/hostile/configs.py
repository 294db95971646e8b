"""Hostile configuration files and override words, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

GROUPS = ("cell", "change", "task", "output_unit", "optimizer", "trainer", "experiment")
PLACES = (
    *(f"{group}/evil" for group in GROUPS),
    *("cell/lstm", "experiment/demo", "task/adding", "train", "hydra/config"),
    *("hydra/launcher/gatekit", "hydra/launcher/evil", "hydra/sweeper/grid", "hydra/sweeper/evil"),
    *("hydra/job_logging/none", "hydra/callbacks/evil", "hydra/env/default", "cell/sub/evil"),
    *("experiment/hydra/evil", "other/evil", "cell/../evil", "../outside/secret"),
)
NODES = ("callbacks", "run", "sweep", "job_logging", "launcher", "sweeper", "searchpath", "job.env")
WRITES = (
    "{_target_: pathlib.Path.write_text, _args_: [{_target_: pathlib.Path, _args_: [OUT/w]}, x]}",
    "{_target_: os.mkdir, path: OUT/made}",
    "{version: 1, handlers: {f: {class: logging.FileHandler, filename: OUT/log}}}",
    "{dir: OUT/run}",
    "[file://OUT]",
)


@dataclass(frozen=True)
class Case:
    """Files below ``conf``, by place, and the words of a command.

    Attributes:
        number: the case's number; with the seed it gives the case again.
        files: content by place.
        words: options and overrides.
    """

    number: int
    files: dict[str, bytes] = field(default_factory=dict)
    words: tuple[str, ...] = ()


def cases(seed: int, count: int, outside: str) -> Iterator[Case]:
    """Yield hostile cases.

    Args:
        seed: what the draws follow from.
        count: how many.
        outside: a folder that nothing may read or write; most cases aim at it.
    """
    for number in range(count):
        draw = random.Random(f"{seed}/{number}")
        if number % 2:
            yield Case(number, words=(_word(draw).replace("OUT", outside),))
        else:
            place = draw.choice(PLACES)
            text = _file(draw, place).replace("OUT", outside)
            content = text.encode("utf-8", "surrogatepass")
            if draw.random() < 0.05:
                at = draw.randrange(len(content) + 1)
                content = content[:at] + draw.randbytes(draw.randint(1, 4)) + content[at:]
            name = place.rpartition("/")[2]
            group = place.rpartition("/")[0]
            known = group in (*GROUPS, "hydra/launcher", "hydra/sweeper")
            yield Case(number, {place: content}, (f"{group}={name}",) if known else ())


def _file(draw: random.Random, place: str) -> str:
    lines = []
    if place.startswith("experiment/") and draw.random() < 0.85:
        lines.append("# @package _global_")
    elif draw.random() < 0.25:
        node = draw.choice([f"hydra.{n}" for n in NODES] + ["_global_", "_global_.hydra", "cell"])
        space = draw.choice([" ", "  ", "\t", "\u2028", "\x0b"])
        lines.append(draw.choice([f"# @package {node}", f"#@package{space}{node}"]))
    if place.startswith("experiment/") and draw.random() < 0.3:
        lines.append(f"hydra: {{{draw.choice(NODES)}: {{dir: OUT/run}}}}")
        return "\n".join(lines) + "\n"
    if draw.random() < 0.4:
        lines.append(f"defaults: [{', '.join(_default(draw) for _ in range(draw.randint(1, 3)))}]")
    for index in range(draw.randint(0, 4)):
        key = draw.choice([_key(draw), _key(draw), f"k{index}"])
        lines.append(f"{key}: {_value(draw)}")
    if not lines or draw.random() < 0.3:
        lines.append(
            draw.choice(["name: evil", "units: 3", "params: {units: '3,4'}", "dropout: 0"])
        )
    return "\n".join(lines) + "\n"


def _default(draw: random.Random) -> str:
    package = draw.choice(["", "", "@_here_", "@_global_", "@hydra.run", "@_global_.hydra", "@x:y"])
    group = draw.choice([*GROUPS, "hydra/job_logging", "hydra", "../cell", "/etc", "", "hydra/env"])
    name = draw.choice(["lstm", "evil", "_self_", "???", "${task}", "../../outside/secret", "none"])
    word = draw.choice(["", "override ", "optional ", "optional override "])
    slash = draw.choice(["/", "", "//"])
    entry = draw.choice([f"{word}{slash}{group}{package}", f"{slash}{group}/{name}{package}", name])
    if draw.random() < 0.1:
        return draw.choice(["3", "null", "[lstm]", "{}", "{a: b, c: d}", "true"])
    return f"{{'{entry}': {name!r}}}" if draw.random() < 0.5 else repr(entry)


def _key(draw: random.Random) -> str:
    node = draw.choice(NODES)
    return draw.choice(
        [
            *("hydra", f"hydra.{node}", f"'hydra/{node}'", node, "plugins", "root", "path", "task"),
            *("_target_", "_convert_", "'${oc.env:HOME}'", "params", "grids", "setup", "sbatch"),
            *("gates", "3", "null", "? [a]\n", "<<", "seed", "mode", "'a.b[0]'", "address"),
        ]
    )


def _value(draw: random.Random, depth: int = 0) -> str:
    if depth < 3 and draw.random() < 0.45:
        inner = _value(draw, depth + 1)
        key = draw.choice([*NODES, "sweeper", "params", "x", "_target_", "mode", "path", "root"])
        return draw.choice(
            [f"{{{key}: {inner}}}", f"[{inner}]", f"{{a: &a {inner}, b: *a}}", f"!!set {inner}"]
        )
    write = draw.choice(WRITES)
    return draw.choice(
        [
            write,
            *(f'"{_reference(draw, write)}"' for _ in range(3)),
            draw.choice(["OUT/secret.yaml", "~/x", "../outside/secret.yaml", "/dev/zero", "x"]),
            "'" + draw.choice(["range(0,1000000000)", "shuffle(range(0,1e12))", "1,2,3"]) + "'",
            *("[" * draw.choice([3, 60, 2000]), "1e999", "0o17", "1_000", "12:30", "MULTIRUN"),
            draw.choice(["\u202e", "\x1b[31m", "'\\${a}'", "9" * 5000, "x" * 70_000, "???"]),
        ]
    )


def _reference(draw: random.Random, write: str) -> str:
    return draw.choice(
        [
            f"${{oc.create:'{write}'}}",
            f"${{oc.decode:'{write}'}}",
            "${oc.env:HOME}",
            "${now:%Y}",
            "${hydra:runtime.cwd}",
            "${hydra.runtime.cwd}",
            "${oc.${x}:HOME}",
            "${x:${oc.env:HOME}}",
            "${ oc.env : HOME }",
            "a${oc.env:HOME}b",
            "${units",
            "${.x}${..y}",
            "$\\\\{oc.env\\\\:HOME\\\\}",
            "${task.length}",
        ]
    )


def _word(draw: random.Random) -> str:
    sign = draw.choice(["", "", "+", "++", "~", "+~", "'", " "])
    node = draw.choice(NODES)
    key = draw.choice(
        [
            *(f"hydra.{node}", f"hydra/{node}", f"x@hydra.{node}", f"cell@hydra.{node}", "hydra"),
            *(f"hydra.{node}._target_", f"hydra.{node}.x", "cell", "task", "cell.gates.f", "units"),
            *("hydra[run][dir]", "$hydra.run.dir", "cell/../../outside", "experiment", "", "a b"),
        ]
    )
    write = draw.choice(WRITES)
    value = draw.choice(
        [
            *(
                write,
                _reference(draw, write),
                f"'{_reference(draw, write)}'",
                "../../outside/secret",
            ),
            *("$\\{oc.env\\:HOME\\}", "OUT/secret", "[" * draw.choice([3, 500]), "x", "", "1,2"),
            *(
                "choice($\\{oc.env\\:HOME\\},b)",
                "glob(*)",
                "range(0,1e12)",
                "9" * 6000,
                "x" * 30_000,
            ),
        ]
    )
    options = [
        "--config-dir=OUT",
        "-cdOUT",
        "--experimental-rerun=OUT/p",
        "--exp=OUT/p",
        "--resolve",
    ]
    options += [
        "--config-name=secret",
        "--shell-completion",
        "--conf=x",
        "-sc",
        "--",
        "-x",
        "--cfg",
    ]
    return draw.choice(options) if draw.random() < 0.1 else f"{sign}{key}={value}"
