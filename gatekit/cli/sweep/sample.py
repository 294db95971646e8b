"""``gatekit sample``: generate text with a trained character model."""

from __future__ import annotations

from pathlib import Path

from gatekit.cli.arguments import Parser
from gatekit.cli.output import print_text, quiet, write_json
from gatekit.faults import Number, Whole

MOST = 1_000_000
"""The most characters that one command writes."""


def run(parser: Parser) -> int:
    """Generate text with the model of a run.

    Raises:
        ConfigError: an option is not allowed, or the run's task has no characters.
        RunError: the run or its weights are missing.
    """
    parser.add_run()
    parser.add_argument(
        "--length",
        type=Whole(1, MOST),
        default=500,
        metavar="N",
        help="characters to write (default: 500)",
    )
    parser.add_argument(
        "--temperature",
        type=Number(0),
        default=1.0,
        example=0.8,
        metavar="T",
        help="divides the logits: below 1, likely characters become likelier; 0 always takes the "
        "likeliest (default: 1)",
    )
    parser.add_argument(
        "--seed", type=Whole(0), default=0, metavar="N", help="seed of the draws (default: 0)"
    )
    parser.add_argument(
        "--prompt", metavar="TEXT", help="text that the model reads first (default: a newline)"
    )
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help="write with these weights of the run's model, which `gatekit code RUN` exported",
    )
    parser.add_root()
    parser.add_plugins()
    parser.add_json()
    options = parser.read()

    from gatekit.runs.studies.survey import find

    record = find(options.run, options.root)
    with quiet():
        from gatekit.convert import from_code
        from gatekit.training.writing import write_text

        weights = None
        if options.weights:
            where = {"root": options.root, "plugins": options.plugin}
            weights = from_code(options.weights, options.run, **where)
        written = write_text(
            record,
            options.length,
            options.temperature,
            options.seed,
            options.prompt,
            options.plugin,
            weights,
        )
    if options.json:
        facts = {"run": record.id, "path": str(Path(record.path)), "label": record.label}
        asked = {k: getattr(options, k) for k in ("length", "temperature", "seed")}
        write_json({**facts, **asked, "prompt": written.prompt, "text": written.text})
    else:
        print_text((options.prompt or "") + written.text)
    return 0
