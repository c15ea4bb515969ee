"""What images go through on their way: pixels in, worse pixels out, the same for both classes."""
