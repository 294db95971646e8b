"""``gatekit export``: export a study to TensorBoard or MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gatekit.cli.arguments import Parser
from gatekit.cli.commands import COMMANDS
from gatekit.cli.options import add_root
from gatekit.cli.output import write


def run(name: str, argv: Sequence[str]) -> int:
    """Export the runs of a study to another tool; a repeated export skips unchanged runs.

    Args:
        name: the command's name.
        argv: its arguments.
    """
    parser = Parser(name, COMMANDS[name].summary)
    parser.add_argument("study", help="the study's name")
    add_root(parser)
    to = parser.add_mutually_exclusive_group()
    to.add_argument(
        "--tensorboard",
        type=Path,
        metavar="FOLDER",
        help="write logs to this folder (default: tensorboard)",
    )
    to.add_argument(
        "--mlflow",
        metavar="URI",
        help="write to this server, or to a file such as sqlite:///mlflow.db",
    )
    options = parser.read(argv)

    from gatekit.compare.study import load

    study = load(options.study, options.root)
    if options.mlflow is not None:
        from gatekit.compare.output.to_mlflow import export_mlflow

        done = export_mlflow(study, options.mlflow)
        write(f"{done.written} runs written, {done.kept} were already there: {options.mlflow}")
        return 0
    from gatekit.compare.output.to_tensorboard import export_tensorboard

    folder = options.tensorboard or Path("tensorboard")
    count = export_tensorboard(study, folder)
    write(f"{count} runs written\nNow type: tensorboard --logdir {folder}")
    return 0
