"""Glue: one folder a question, nodes without Kedro, pipelines without logic."""
