"""The training loop and the state it moves."""
