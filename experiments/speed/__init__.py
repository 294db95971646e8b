"""How long a training step of a recurrent layer takes, in alternating pairs with its peers."""
