"""From a detector to verdicts and submissions.

Everywhere in this package ``detector`` is what scores; where verdicts are given it must have
operating points (``points``), else `DetectorError`, as where its network gives no number.
``batch_size`` images go through the network at once, which changes no score beyond 1e-6;
``num_workers`` processes decode (0: this one), which changes none; an image whose shorter side has
fewer than ``min_size`` pixels is ``too_small``; ``network`` is what ``build_scorer`` returns, on
any device. ``images`` of users are a table of ``data.images.listing.LISTING_COLUMNS``.
"""
