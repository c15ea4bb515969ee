"""How far a detector can be trusted: metrics, operating points, calibration, audits, reports."""
