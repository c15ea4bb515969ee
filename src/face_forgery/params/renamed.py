"""Parameters and dataset types of earlier releases, and what to write instead."""

RENAMED: dict[str, str] = {
    # old dotted name (a section or a parameter): what to do, as the end of a sentence
    "training.cache": "leave it out: images are decoded in every epoch",
    "training.loss.consistency": "leave it out: augmentation.degradation shows degraded images",
    "training.loss.gamma": "delete it; the focal loss has 2",
    "training.loss.contrastive": "leave it out: it made no difference (docs/experiments.md); there "
    "are training.loss.alignment and uniformity",
    "training.loss.temperature": "delete it",
    "splitting.folds": "is splitting.holdout now, with by, num_clusters, min_images and hold_out; "
    "small is gone: hold-out groups that are too small are joined",
    "splitting.near_duplicate_bits": "is gone (it is always 6); leave it out",
    "evaluation.ece_bins": "delete it; the calibration error has 15 bins",
    "evaluation.confidence": "delete it; intervals hold 95 %",
    "audit.seed": "write evaluation.seed instead",
    "audit.limit": "delete it; an AUC above 0.65 is warned about",
    "robustness.seed": "write evaluation.seed instead",
    "robustness.max_side": "delete it; larger images are reduced to 1024 pixels first",
    "augmentation.forgeries.share": "write augmentation.forgeries.proportion",
    "model.cut_after": "is now model.truncate_after",
    "model.rank": "is now model.lora.r",
    "model.tuning": "is now model.fine_tuning, and its value low_rank is lora",
    "scoring.views": "is now scoring.tta: none, flip (was whole+flipped), crop (was whole+closer) "
    "or flip_crop (was all four)",
    "explanation.max_pictures": "write explanation.max_images",
    "forging.circle": "delete it; 16 groups exchange faces",
    "forging.common_scale": "delete it; both sides are reduced by 0.8 to 1",
    "forging.jpeg_quality": "delete it; it is 70 to 95",
    "tracking.system_metrics": "set the variable MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING=true, and "
    "install psutil",
    "video.min_frames": "leave it out: a window always needs three judged frames",
}

_WRAPPED = "atomic.AtomicDataset with dataset: {{type: {}, filepath: ...}}"
RENAMED_TYPES: dict[str, str] = {  # all below face_forgery.datasets
    "binary_file.BinaryFileDataset": _WRAPPED.format("text.TextDataset"),
    "csv_file.AtomicCSVDataset": _WRAPPED.format("face_forgery.datasets.tables.QuotedCSVDataset"),
    "csv_file.QuotedCSVDataset": "tables.QuotedCSVDataset",
    "epoch_weights.EpochWeightsDataset": "training_files.EpochWeightsDataset",
    "face_model.FaceModelDataset": "user_files.FaceModelDataset",
    "figure.FigureDataset": _WRAPPED.format("matplotlib.MatplotlibDataset"),
    "fold_runs.FoldRunsDataset": _WRAPPED.format("json.JSONDataset"),
    "growing_table.GrowingTableDataset": "growing.GrowingTableDataset",
    "json_file.AtomicJSONDataset": _WRAPPED.format("json.JSONDataset"),
    "landmark_file.LandmarkFileDataset": "user_files.LandmarkFileDataset",
    "member_detectors.MemberDetectorsDataset": "detector.MemberDetectorsDataset",
    "pages.PagesDataset": "growing.PagesDataset",
    "parquet_file.AtomicParquetDataset": _WRAPPED.format("pandas.ParquetDataset"),
    "pictures.PicturesDataset": "user_files.ImageListDataset",
    "text_file.AtomicTextDataset": _WRAPPED.format("text.TextDataset"),
    "training_state.TrainingStateDataset": "training_files.TrainingStateDataset",
    "videos.VideosDataset": "user_files.VideoListDataset",
}


def advice_for(name: str) -> str | None:
    """Return what became of an old parameter, or of a section it was in, by its dotted name."""
    while name and name not in RENAMED:
        name = name.rpartition(".")[0]
    return RENAMED.get(name)
