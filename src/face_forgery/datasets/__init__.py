"""Kedro I/O adapters: how values become files and come back."""
