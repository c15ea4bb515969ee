"""Every parameter, typed: a file for each part of the project.

Values, and what each of them means, are in ``conf/base/parameters_*.yml``.
"""

from face_forgery.params.check import ParameterError as ParameterError
from face_forgery.params.check import Parameters as Parameters
from face_forgery.params.check import check_parameters as check_parameters
from face_forgery.params.data import ColumnNames as ColumnNames
from face_forgery.params.data import DataParams as DataParams
from face_forgery.params.data import FacesParams as FacesParams
from face_forgery.params.data import HoldoutParams as HoldoutParams
from face_forgery.params.data import IngestionParams as IngestionParams
from face_forgery.params.data import LabelSet as LabelSet
from face_forgery.params.data import LabelSets as LabelSets
from face_forgery.params.data import SplittingParams as SplittingParams
from face_forgery.params.evaluation import AuditParams as AuditParams
from face_forgery.params.evaluation import EngineName as EngineName
from face_forgery.params.evaluation import EnsembleParams as EnsembleParams
from face_forgery.params.evaluation import EvaluationParams as EvaluationParams
from face_forgery.params.evaluation import Precision as Precision
from face_forgery.params.evaluation import PromiseName as PromiseName
from face_forgery.params.evaluation import RobustnessParams as RobustnessParams
from face_forgery.params.evaluation import ScoringParams as ScoringParams
from face_forgery.params.evaluation import TestingParams as TestingParams
from face_forgery.params.evaluation import TTAName as TTAName
from face_forgery.params.forgery import DemoDataParams as DemoDataParams
from face_forgery.params.forgery import ForgingParams as ForgingParams
from face_forgery.params.inference import ExplanationParams as ExplanationParams
from face_forgery.params.inference import InferenceParams as InferenceParams
from face_forgery.params.inference import SubmissionParams as SubmissionParams
from face_forgery.params.inference import VideoParams as VideoParams
from face_forgery.params.model import RESERVED_OPTIONS as RESERVED_OPTIONS
from face_forgery.params.model import AdoptParams as AdoptParams
from face_forgery.params.model import AugmentationParams as AugmentationParams
from face_forgery.params.model import ModelParams as ModelParams
from face_forgery.params.model import PreprocessingParams as PreprocessingParams
from face_forgery.params.running import ClusterParams as ClusterParams
from face_forgery.params.running import TrackingParams as TrackingParams
from face_forgery.params.sampling import SamplingParams as SamplingParams
from face_forgery.params.training import OptimizerParams as OptimizerParams
from face_forgery.params.training import SelectBy as SelectBy
from face_forgery.params.training import TrainingParams as TrainingParams
