"""Sets of videos to a set of images: what is left to do, done in processes, and its label table."""

import hashlib
import json
import os
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import pandas as pd

from face_forgery.data.images.decoding import InputError
from face_forgery.data.images.faces import FaceFinder
from face_forgery.data.labels.manifest import OK, ManifestError, show_examples, show_statuses
from face_forgery.data.labels.video_sets import VIDEO_COLUMNS
from face_forgery.data.videos.persons import Track
from face_forgery.data.videos.sampling import Job, SampledVideo, Sampler
from face_forgery.params import FacesParams, SamplingParams
from face_forgery.progress import track

IMAGES = "images"  # the folder that holds the frames of all videos
REJECTED_COLUMNS = ("set", "row", "img_name", "status", "detail")
_FIRST = ("img_name", "target", "group", "kind", "source", "video", "frame", "split")
_AHEAD = 2  # videos beyond one a process that are handed out
_SETTINGS = {"frames", "choose", "crop", "size"}  # the scale is in how faces are cut

# What is kept of a video beside its images: `key`, `status`, `detail`, `notes`, `frames` (numbers),
# `track`; JSON values only.
Record = dict[str, Any]


class DoneVideo(NamedTuple):
    """A video that is done, for who writes it."""

    folder: str  # of the images, below `IMAGES`
    images: tuple[tuple[str, bytes], ...]  # name of each file, and its content
    record: Record


def finder_for(
    params: SamplingParams, model: bytes | None, faces: FacesParams
) -> FaceFinder | None:
    """Return what cuts the frames; ``None`` where they are taken whole.

    Raises:
        InputError: If faces are to be cut and no face detector is named.
    """
    if params.crop == "none":
        return None
    if model is None:
        raise InputError(
            f"sampling.crop={params.crop} needs a face detector: name a YuNet file in ONNX "
            "(faces.detector=face_detection_yunet_2023mar.onnx), or take frames whole with "
            "sampling.crop=none"
        )
    return FaceFinder(model, params.faces(faces))


def sample_videos(
    table: pd.DataFrame,
    begun: Mapping[str, Record],
    params: SamplingParams,
    finder: FaceFinder | None,
) -> Iterator[DoneVideo]:
    """Yield each video of ``VIDEO_COLUMNS`` as it is done; what ``begun`` has already is left out.

    A real video comes before the forgeries that were made of it. ``begun`` are the records of an
    earlier run, by folder; one counts if settings and files are the same. Memory is that of the
    images of a few videos.
    """
    plan = _Plan.of(table, begun, params, finder)
    sampler = Sampler(params, finder)
    videos = _sample_in_order(plan, sampler, params.num_workers)
    for found in track(videos, description="sampling", total=len(plan.jobs), unit="videos"):
        yield _done(found, plan)


def tabulate_samples(
    table: pd.DataFrame, records: Mapping[str, Record]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the label table of the images, and the videos that have none, with the reason.

    Further columns of ``table``, which has ``VIDEO_COLUMNS``, stand last in the label table.

    Raises:
        ManifestError: If no video gave an image.
    """
    found = [records[folder] for folder in table["folder"]]
    statuses = pd.Series([one["status"] for one in found], index=table.index)
    details = [one["detail"] for one in found]
    rejected = table.assign(set=table["subset"], status=statuses, detail=details)
    rejected = rejected.loc[statuses != OK, list(REJECTED_COLUMNS)].reset_index(drop=True)
    if len(rejected) == len(table):
        named = zip(table["img_name"], details, strict=True)
        reasons = (f"{name}: {detail}" for name, detail in named)
        raise ManifestError(
            f"sampling.sets: none of {len(table):,} videos gave an image: {show_examples(reasons)}"
        )
    frames = [one["frames"] for one in found]
    further = [name for name in table if name not in VIDEO_COLUMNS]
    rows = table.assign(frame=frames).loc[statuses == OK].explode("frame", ignore_index=True)
    numbers = rows["frame"].map(name_image)
    rows = rows.assign(img_name=f"{IMAGES}/" + rows["folder"] + "/" + numbers)
    return rows[[*_FIRST, *further]].astype({"frame": "Int64"}), rejected


def describe_samples(
    table: pd.DataFrame, records: Mapping[str, Record], rejected: pd.DataFrame
) -> list[str]:
    """Say what there is, what was left out and why, and which videos gave less than was asked."""
    found = [records[folder] for folder in table["folder"]]
    number = sum(len(one["frames"]) for one in found)
    lines = [f"{number:,} images of {len(table) - len(rejected):,} of {len(table):,} videos."]
    if len(rejected):
        shown = show_examples(rejected["img_name"].head(4))
        lines.append(f"{len(rejected):,} videos gave none ({show_statuses(rejected)}): {shown}.")
    noted = [
        f"{name} ({'; '.join(one['notes'])})"
        for name, one in zip(table["img_name"], found, strict=True)
        if one["notes"] and one["status"] == OK
    ]
    if noted:
        lines.append(f"{len(noted):,} videos gave fewer, or are damaged: {show_examples(noted)}.")
    return lines


def name_image(frame: int) -> str:
    """Return the name of the file of a frame, by its number in the video."""
    return f"{frame:06d}.png"


@dataclass(frozen=True, eq=False)
class _Plan:
    """What is left to do: jobs by row, and who waits for whom."""

    table: pd.DataFrame
    keys: list[str]  # of each video: all that its images follow from
    jobs: dict[int, Job]  # of videos that are not done
    tracks: dict[int, Track]  # of real ones that are done
    followers: dict[int, list[int]]  # rows of the forgeries of a real one, by its row

    @classmethod
    def of(
        cls,
        table: pd.DataFrame,
        begun: Mapping[str, Record],
        params: SamplingParams,
        finder: FaceFinder | None,
    ) -> "_Plan":
        originals = table["original"].astype(object).where(table["original"].notna(), None).tolist()
        followers: dict[int, list[int]] = {}
        for row, original in enumerate(originals if finder is not None else []):
            if original is not None and original != row:
                followers.setdefault(original, []).append(row)
        masks = table["mask"].fillna("").astype(str).tolist()
        of_row = [
            [masks[i] for i in (row, *followers.get(row, [])) if masks[i]]
            for row in range(len(table))
        ]
        keys = _keys_of(table["path"].tolist(), of_row, followers, params, finder)
        jobs, tracks = {}, {}
        for row, (path, folder) in enumerate(zip(table["path"], table["folder"], strict=True)):
            known = begun.get(folder)
            if known is None or known["key"] != keys[row]:
                unique = tuple(map(Path, dict.fromkeys(of_row[row])))
                jobs[row] = Job(row, Path(path), unique, is_followed=row in followers)
            elif known["track"] is not None:
                tracks[row] = Track.from_values(known["track"])
        return cls(table, keys, jobs, tracks, followers)

    def first(self) -> list[int]:
        """Return the rows that need not wait."""
        waiting = {r for row in self.followers if row in self.jobs for r in self.followers[row]}
        return [row for row in self.jobs if row not in waiting]


def _keys_of(
    paths: Sequence[str],
    masks: Sequence[Sequence[str]],
    followers: Mapping[int, Sequence[int]],
    params: SamplingParams,
    finder: FaceFinder | None,
) -> list[str]:
    """Return for each video a digest of settings and files; a forgery's has its real video's."""
    settings = params.model_dump_json(include=_SETTINGS)
    if finder is not None:
        settings += finder.params.identify() + hashlib.sha256(finder.model).hexdigest()
    versions = [
        [path, _version_of(path), [(m, _version_of(m)) for m in masks[row]], row in followers]
        for row, path in enumerate(paths)
    ]
    original = {row: real for real, rows in followers.items() for row in rows}
    parts = [
        [settings, versions[row], versions[original[row]] if row in original else None]
        for row in range(len(paths))
    ]
    return [hashlib.sha256(json.dumps(part).encode()).hexdigest() for part in parts]


def _version_of(path: str) -> list[int]:
    """Return what changes when a file does; empty where there is none."""
    file = Path(path)
    if not file.is_file():
        return []
    facts = file.stat()
    return [facts.st_size, facts.st_mtime_ns]


def _sample_in_order(plan: _Plan, sampler: Sampler, num_workers: int) -> Iterator[SampledVideo]:
    """Sample every video that is left, a real one before its forgeries."""
    ready = deque(plan.first())

    def take() -> Job:
        row = ready.popleft()
        real = plan.table["original"].iloc[row]
        known = None if pd.isna(real) or int(real) == row else plan.tracks.get(int(real))
        return replace(plan.jobs[row], track=known)

    def finish(found: SampledVideo) -> SampledVideo:
        if found.track is not None:
            plan.tracks[found.row] = found.track
        ready.extendleft(row for row in plan.followers.get(found.row, []) if row in plan.jobs)
        return found

    if num_workers == 0:
        while ready:
            yield finish(sampler.sample(take()))
        return
    pool = ProcessPoolExecutor(num_workers, get_context("spawn"), _begin_worker, (sampler,))
    try:
        pending: set[Future[SampledVideo]] = set()
        while ready or pending:
            while ready and len(pending) < num_workers + _AHEAD:
                pending.add(pool.submit(_sample, take()))
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from (finish(future.result()) for future in done)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_of_worker: list[Sampler] = []  # one: the face detector is read once a process


def _begin_worker(sampler: Sampler) -> None:
    cv2.setNumThreads(1)
    _of_worker.append(sampler)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the one that started it is killed: nobody else would."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _sample(job: Job) -> SampledVideo:
    return _of_worker[0].sample(job)


def _done(found: SampledVideo, plan: _Plan) -> DoneVideo:
    record = {
        "key": plan.keys[found.row],
        "status": found.status,
        "detail": found.detail,
        "notes": list(found.notes),
        "frames": [number for number, _ in found.images],
        "track": None if found.track is None else found.track.to_values(),
    }
    images = tuple((name_image(number), image) for number, image in found.images)
    return DoneVideo(str(plan.table["folder"].iloc[found.row]), images, record)
