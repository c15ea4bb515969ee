"""Networks, their weights, and the one forward path that scores images."""
