"""What the pipeline sampling writes: a label table, and frames in a folder a video.

sampling.json       what was sampled, and how
labels.csv          img_name,target,group,kind,source,video,frame,split and further columns
images/ff/manipulated_sequences/Deepfakes/c23/videos/000_003/000014.png
"""

import re
from collections.abc import Sequence

import pandas as pd

from face_forgery.data.labels.label_csv import LabelFile, parse_labels
from face_forgery.data.labels.layouts.tree import LabelFolder, Layout
from face_forgery.data.labels.manifest import ManifestError
from face_forgery.data.labels.path_facts import read_numbers
from face_forgery.params import ColumnNames, IngestionParams

LABELS, RECORD = "labels.csv", "sampling.json"
_COLUMNS = ColumnNames(**{name: name for name in ColumnNames.model_fields})


def _read(folder: LabelFolder, files: Sequence[str], params: IngestionParams) -> pd.DataFrame:
    if LABELS not in folder.texts:
        raise ManifestError(
            f"{folder.where}: sampling was not finished, and there is no {LABELS}; run it "
            "again, it goes on where it stopped: kedro run --pipelines sampling"
        )
    file = LabelFile(f"{folder.where}/{LABELS}", folder.texts[LABELS])
    table, _ = parse_labels(file, columns=_COLUMNS, labels={"0", "1"})
    if not table["target"].isin(["0", "1"]).all():
        raise ManifestError(f"{file.where}: targets that are not 0 or 1; sample the videos again")
    return table.assign(target=table["target"].astype(int), frame=read_numbers(table["frame"]))


LAYOUT = Layout(
    name="sampled",
    label_files=re.compile(rf"^{re.escape(LABELS)}$"),
    fits=lambda names: RECORD in names,
    read=_read,
)
