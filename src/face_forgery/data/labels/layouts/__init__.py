"""Data sets as their authors lay them out: one reader a layout, behind one protocol."""
