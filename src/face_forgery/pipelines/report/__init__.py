"""Everything that was measured -> one page for people."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
