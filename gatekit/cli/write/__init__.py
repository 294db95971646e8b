"""Commands for writing gates and cells: new, check, show; lists such as cells and gates."""
