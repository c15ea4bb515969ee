"""Metrics on whole score vectors: arrays in, numbers out."""
