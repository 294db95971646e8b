"""Commands for writing gates and cells: new, check, show, tune; lists such as cells and gates."""
