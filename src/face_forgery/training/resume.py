"""The state as a file of tensors and plain values, and which run may continue from it."""

import hashlib
import logging
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from face_forgery.data.redaction import one_line
from face_forgery.modeling.archive import check_archive
from face_forgery.training.records import Checkpoint
from face_forgery.training.state import TrainState
from face_forgery.training.step_settings import StepSettings
from face_forgery.training.training_data import Run

logger = logging.getLogger(__name__)

# Of `training`; `engine` and the number of its workers only by how sums are rounded, where
# docs/training.md does not say otherwise.
CHANGES_NO_WEIGHT = {"resume", "num_workers", "checkpoint_steps", "engine"}
_FREE = CHANGES_NO_WEIGHT | {"select_by", "patience"}  # they choose among the epochs
_EXAMPLES_SHOWN = 3
_FORMAT = 3  # raised when the fields of Checkpoint change their meaning
_REMEDY = "Start anew with training.resume=false, which replaces it"


class ResumeError(ValueError):
    """The saved state belongs to another run; the message names what differs."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))  # it quotes a file


def run_fingerprint(run: Run, settings: StepSettings) -> dict[str, Any]:
    """Return what must not change between the parts of one run, by dotted name.

    Precision and compilation count as what they were resolved to: on a machine where ``auto`` means
    something else the run is refused, not continued in another way. ``epochs`` counts only if the
    schedule depends on it (cosine).
    """
    train_set: Any = run.train_loader.dataset
    val_set: Any = run.val_loader.dataset
    training, held_out = run.training, run.held_out
    groups, sources, forgeries = train_set.groups, train_set.sources, train_set.forgeries
    free = _FREE if training.schedule.name == "cosine" else _FREE | {"epochs"}
    sections = {
        "data": {"train_images": train_set.fingerprint, "val_images": val_set.fingerprint}
        | ({} if sources is None else {"sources": hashlib.sha256(sources.tobytes()).hexdigest()})
        | ({} if groups is None else {"groups": hashlib.sha256(groups.tobytes()).hexdigest()})
        | ({} if forgeries is None else {"landmarks": forgeries.fingerprint})
        | ({} if held_out is None else {"held_out_groups": held_out.fingerprint}),
        "model": run.model.model_dump(mode="json", exclude={"max_parameters"}),
        "preprocessing": train_set.preprocessing.model_dump(mode="json"),
        "augmentation": train_set.augmentation.model_dump(mode="json"),
        "training": training.model_dump(mode="json", exclude=free)
        | {
            "precision": str(settings.precision).removeprefix("torch."),
            "compile": settings.is_compiled,
        },
    }
    return _flat(sections)


def resume(
    state: TrainState, checkpoint: Checkpoint | None, fingerprint: dict[str, Any], epochs: int
) -> list[dict[str, Any]]:
    """Bring ``state`` to where ``checkpoint`` left off, and return the history so far.

    Without a checkpoint the run begins at epoch 1, and a log line says so.

    Raises:
        ResumeError: If the checkpoint is of a run with another fingerprint, or past ``epochs``.
    """
    if checkpoint is None:
        logger.info("training.resume=true, but no epoch has been saved yet: starting at epoch 1.")
        return []
    _check_same_run(checkpoint.fingerprint, fingerprint)
    num_batches = checkpoint.progress["num_batches"]
    if checkpoint.epoch + (num_batches > 0) > epochs:
        begun = f" and {num_batches} batches" if num_batches else ""
        raise ResumeError(
            f"the saved run has {checkpoint.epoch} epochs{begun}, training.epochs={epochs} asks "
            "for fewer; raise training.epochs, or start anew with training.resume=false"
        )
    state.restore(checkpoint)
    if checkpoint.epoch == epochs:
        logger.info("The saved run has all of its %d epochs: nothing is left to train.", epochs)
    else:
        within = f" and {num_batches} batches of the next" if num_batches else ""
        logger.info("Continuing after epoch %d%s of %d.", checkpoint.epoch, within, epochs)
    return checkpoint.history


def _check_same_run(saved: dict[str, Any], fingerprint: dict[str, Any]) -> None:
    then, now = (
        {name: repr(values[name]) if name in values else "nothing" for name in saved | fingerprint}
        for values in (saved, fingerprint)
    )
    differing = [f"{name}: {then[name]} -> {now[name]}" for name in then if then[name] != now[name]]
    if differing:
        more = "; ..." if len(differing) > _EXAMPLES_SHOWN else ""
        raise ResumeError(
            f"the saved run differs in {len(differing)} value(s): "
            f"{'; '.join(differing[:_EXAMPLES_SHOWN])}{more}. "
            "Set them back to continue it, or start anew with training.resume=false"
        )


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            flat |= _flat(item, f"{prefix}{key}.")
        else:
            flat[prefix + key] = item
    return flat


def write_state(state: Checkpoint, path: Path) -> None:
    """Write ``state`` to ``path``."""
    torch.save({"format": _FORMAT, **vars(state)}, path)


def read_state(path: Path) -> Checkpoint:
    """Read a state; only tensors and plain values are, a file with anything else is refused.

    Raises:
        ValueError: If the file is damaged, foreign, or of another format.
    """
    try:
        check_archive(path)
        values = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zipfile, pickle and torch each raise their own
        raise ValueError(
            f"{path}: cannot be read as a training state ({type(error).__name__}); "
            f"nothing in it was executed. {_REMEDY}"
        ) from error
    found = values.pop("format", None) if isinstance(values, dict) else None
    found = found if type(found) is int else None  # of a tensor, a comparison would be one
    if found != _FORMAT or set(values) != {field.name for field in fields(Checkpoint)}:
        raise ValueError(
            f"{path}: not a training state of format {_FORMAT} (found format {found!r}). {_REMEDY}"
        )
    return Checkpoint(**values)
