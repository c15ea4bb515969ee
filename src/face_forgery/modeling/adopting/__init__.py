"""Detectors of models that were trained elsewhere: one file for each kind of model."""
