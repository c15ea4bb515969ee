"""A web page on this machine that judges pictures dropped on it."""
