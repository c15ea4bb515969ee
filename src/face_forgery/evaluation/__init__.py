"""How good a detector is: metrics, thresholds, calibration, audits, the report.

Everywhere in this package ``scores`` is ``(N,)``, the probability of forgery; ``targets`` is
``(N,)``, 0 = real, 1 = forged, and both classes must occur; ``groups`` is ``(N,)``, equal for
images that belong together (a video, an identity); ``in_calibration`` is ``(N,)``, true in the
calibration split; ``bootstrap`` says how intervals are drawn. An interval is
``{"value", "low", "high"}``, its ``confidence`` in (0, 1). Arrays that do not fit together, and
scores that are no probabilities, are a ``ValueError``, as `check_probabilities` says.
"""
