"""Forgeries of any face with landmarks, photographed or drawn: what the defence trains on."""
