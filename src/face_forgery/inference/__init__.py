"""From a detector to verdicts and submissions."""
