"""From label files to batches: manifests, splits, images, loaders.

Tables have one row an image, and columns that a constant names: ``table`` has ``LABEL_COLUMNS``,
``facts`` ``IMAGE_FACT_COLUMNS``, ``manifest``, ``train`` and ``val`` ``MANIFEST_COLUMNS``,
``face_table`` ``FACE_COLUMNS``, ``image_hashes`` ``IMAGE_HASH_COLUMNS``. Their paths are relative
to ``root``; ``num_workers`` are threads where files are inspected, and processes in loaders.
"""
