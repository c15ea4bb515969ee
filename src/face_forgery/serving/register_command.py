"""``face-forgery register``: a trained detector as a model of MLflow's registry."""

import argparse
import os
import sys

import face_forgery as ff
from face_forgery.params.inference import DETECTOR_FOLDER, MIN_SIZE

_EXPERIMENT = "face-forgery"  # as tracking.experiment


def main(arguments: list[str] | None = None) -> None:
    """Log the detector, register it, and say how it is served."""
    parser = argparse.ArgumentParser(prog="face-forgery register", description=__doc__)
    parser.add_argument("name", help="of the model; a new version of it is made")
    parser.add_argument(
        "--detector", default=DETECTOR_FOLDER, help="a folder or hf-hub:OWNER/NAME (%(default)s)"
    )
    parser.add_argument("--min-size", type=int, default=MIN_SIZE, help="pixels (%(default)s)")
    options = parser.parse_args(arguments)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when it is imported
    import mlflow

    mlflow.set_tracking_uri(os.environ.get("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db"))
    try:
        folder = ff.find_folder(options.detector)
        ff.Detector.load(folder)  # one that cannot judge is not registered
        mlflow.set_experiment(_EXPERIMENT)
        with mlflow.start_run(run_name=f"register {options.name}"):
            ff.log_detector(folder, min_size=options.min_size, register_as=options.name)
    except ff.DetectorError as error:
        sys.exit(f"{error}. Or name another one: --detector FOLDER")
    except mlflow.MlflowException as error:
        sys.exit(f"{options.name}: {error}\nIs MLFLOW_TRACKING_URI the address of your server?")
    sys.stdout.write(f"Registered. Serve it: face-forgery serve models:/{options.name}@newest\n")
