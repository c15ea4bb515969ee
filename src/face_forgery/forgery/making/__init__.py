"""Forgeries made from photographs: the attack that trains the defence."""
