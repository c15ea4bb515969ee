"""Work for more than one machine, done by Ray."""
