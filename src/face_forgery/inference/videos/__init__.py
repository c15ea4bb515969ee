"""From videos to frames, persons, a summary and a page a video."""
