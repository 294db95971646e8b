"""The command line: a function ``run(parser) -> int`` per command, in the groups of its help.

`main` runs the command from the table in `commands` and turns errors into a message and an exit
code. `output` writes text, JSON and tables. `options` has the options that several commands share.
The commands are in `write`, `sweep`, `compare` and `share`. Start with `main.py`.
"""
