"""The command line: one module per command, in the groups of ``gatekit --help``.

`main` finds the command in `commands` and turns errors into a message and an exit code; `output`
writes text, JSON and tables; `options` holds what several commands take. The commands are in
`write`, `sweep`, `compare` and `share`. Start with `main.py`.
"""
