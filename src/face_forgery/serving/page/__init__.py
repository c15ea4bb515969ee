"""A web page on this machine that judges images dropped on it."""
