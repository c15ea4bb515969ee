"""Every parameter, typed: a file for each part of the project. Values live in ``conf/``."""

from face_forgery.params.base import (
    ColumnName,
    Fraction,
    KindWeights,
    NumWorkers,
    Params,
    Place,
    Probability,
    Rate,
    Seed,
)
from face_forgery.params.check import ParameterError, Parameters, check_parameters
from face_forgery.params.data import (
    ColumnNames,
    DataParams,
    FacesParams,
    HoldoutParams,
    IngestionParams,
    SplittingParams,
)
from face_forgery.params.evaluation import (
    AuditParams,
    ComparisonParams,
    EnsembleParams,
    EvaluationParams,
    RobustnessParams,
    ScoringParams,
    TTAName,
)
from face_forgery.params.forgery import DemoDataParams, ForgingParams
from face_forgery.params.inference import (
    ExplanationParams,
    InferenceParams,
    SubmissionParams,
    VideoParams,
)
from face_forgery.params.model import (
    RESERVED_OPTIONS,
    AugmentationParams,
    FineTuningMode,
    ForgeriesParams,
    ModelParams,
    PreprocessingParams,
)
from face_forgery.params.running import ClusterParams, TrackingParams
from face_forgery.params.training import (
    LossName,
    LossParams,
    OptimizerParams,
    ScheduleParams,
    SelectBy,
    TrainingParams,
)

__all__ = [
    "RESERVED_OPTIONS",
    "AuditParams",
    "AugmentationParams",
    "ClusterParams",
    "ColumnName",
    "ColumnNames",
    "ComparisonParams",
    "DataParams",
    "DemoDataParams",
    "EnsembleParams",
    "EvaluationParams",
    "ExplanationParams",
    "FacesParams",
    "FineTuningMode",
    "ForgeriesParams",
    "ForgingParams",
    "Fraction",
    "HoldoutParams",
    "InferenceParams",
    "IngestionParams",
    "KindWeights",
    "LossName",
    "LossParams",
    "ModelParams",
    "NumWorkers",
    "OptimizerParams",
    "ParameterError",
    "Parameters",
    "Params",
    "Place",
    "PreprocessingParams",
    "Probability",
    "Rate",
    "RobustnessParams",
    "ScheduleParams",
    "ScoringParams",
    "Seed",
    "SelectBy",
    "SplittingParams",
    "SubmissionParams",
    "TTAName",
    "TrackingParams",
    "TrainingParams",
    "VideoParams",
    "check_parameters",
]
