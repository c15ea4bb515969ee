"""Drawn faces and forgeries made from them."""
