"""The attack: drawn faces, and forgeries of any face. What images go through is in ``data``."""
