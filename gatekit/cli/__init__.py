"""The command line: each command is a function ``run(parser) -> int``.

`main` looks up the command in the table in `commands`, runs it, and turns errors into a message
and an exit code. `output` writes text, JSON and tables. `options` has the options that several
commands share. The packages `write`, `sweep`, `compare` and `share` contain the commands, grouped
as in ``gatekit --help``. Start with `main.py`.

No module here is public.
"""
