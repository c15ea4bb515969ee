"""Drawn faces with exact landmarks, and the demo set; ``making`` forges them."""
