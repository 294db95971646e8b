"""The command line: each command is a function ``f(parser) -> int``.

`main` looks up the command in the table in `commands`, runs it, and turns errors into a message
and an exit code. `output` writes text, JSON and tables. `options` has the options that several
commands share. The other modules contain the commands. Start with `main.py`.

No module here is public.
"""
