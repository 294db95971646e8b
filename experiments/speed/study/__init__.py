"""How long a small study takes, from the command to its last result."""
