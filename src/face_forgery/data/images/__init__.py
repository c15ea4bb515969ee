"""Image files: found, decoded to upright 8-bit RGB, inspected, cut to faces."""
