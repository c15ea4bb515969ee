"""The attack: drawn faces, forgeries of any face, and what images go through on their way."""
