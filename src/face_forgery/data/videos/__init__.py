"""Videos: found, sampled into frames, faces followed from frame to frame."""
