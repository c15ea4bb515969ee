"""The manifest: one row an image, the only shape in which labels travel between nodes."""

REAL, FAKE = 0, 1

LABEL_COLUMNS = {
    "subset": "string",  # train, val or test: the label file the row stood in
    "row": "int64",  # position in that label file, from 0
    "img_name": "string",  # as the label file spells it
    "path": "string",  # relative to the data root, with forward slashes
    "target": "Int8",  # 0 = real, 1 = fake; missing for an unlabelled test image
    "group": "string",  # images that must stay on one side of a split share it
    "kind": "string",  # how the image was forged; "unknown" where nobody said
    "source": "string",  # the data set it came from; "unknown" where nobody said
}
FACT_COLUMNS = {
    "width": "Int64",  # pixels, upright (after EXIF rotation)
    "height": "Int64",
    "format": "string",  # as Pillow names it: JPEG, PNG, WEBP, ...
    "num_bytes": "Int64",
    "sha256": "string",  # of the file
}
MANIFEST_COLUMNS = LABEL_COLUMNS | FACT_COLUMNS
