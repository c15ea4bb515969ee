"""The detector as a model that MLflow stores, loads anywhere and serves."""
