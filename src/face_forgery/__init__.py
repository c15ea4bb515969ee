"""Face Forgery: train, judge and use a detector of forged faces in pictures."""

__version__ = "0.1.0"
