"""What must stay on one side of a split: groups, near-duplicates, hold-out groups."""
