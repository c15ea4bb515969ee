"""Frames a second of the pipeline sampling against decoding alone, killed once and continued.

    python benchmarks/sampling.py --frames 500 --detector face_detection_yunet_2023mar.onnx

Drawn faces move over clips of ten seconds; every video of the set is one of a few of these, linked
under a name of its own. Decoding alone is PyAV over the same videos in as many processes, each
frame decoded up to the last that is sampled, none converted. A run that is killed (SIGKILL) when
half is done, and goes on, must leave the same files as one that is not.
"""

import argparse
import hashlib
import json
import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import measuring
import numpy as np
from project_copy import Command, kedro_arguments, lay_out_project, run_kedro

from face_forgery.data.videos.frames import open_video
from face_forgery.forgery.rendering.portraits import draw_portraits

SIZE, SECONDS, RATE = (640, 360), 10, 25
PER_VIDEO, NUM_CLIPS, FACE = 32, 8, 200


def write_clips(folder: Path) -> list[Path]:
    """Encode clips in H.264, each of a drawn face that moves from one side to the other."""
    import av
    import cv2

    folder.mkdir(parents=True, exist_ok=True)
    clips = []
    for number, portrait in enumerate(draw_portraits(NUM_CLIPS, seed=0)):
        face = cv2.resize(portrait.pixels, (FACE, FACE), interpolation=cv2.INTER_AREA)
        rng = np.random.default_rng(number)
        backdrop = rng.integers(80, 140, (SIZE[1], SIZE[0], 3)).astype(np.uint8)
        backdrop = cv2.GaussianBlur(backdrop, (0, 0), 3)
        clips.append(folder / f"{number}.mp4")
        with av.open(str(clips[-1]), "w") as container:
            stream = container.add_stream("libx264", rate=RATE)
            stream.width, stream.height = SIZE
            stream.pix_fmt = "yuv420p"
            for index in range(SECONDS * RATE):
                pixels = backdrop.copy()
                left = round((SIZE[0] - FACE) * index / (SECONDS * RATE))
                pixels[80 : 80 + FACE, left : left + FACE] = face
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode())
    return clips


def link_videos(clips: list[Path], folder: Path, count: int) -> None:
    """Give every video a name of its own; the second half are called forgeries."""
    for number in range(count):
        kind = "real" if number < count / 2 else "fake"
        path = folder / kind / f"{number:06d}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(clips[number % len(clips)], path)


def decode(path: Path) -> int:
    """Decode every frame up to the last that is sampled."""
    with open_video(path, num_threads=1) as video:
        last = video.duration * (1 - 0.5 / PER_VIDEO) - 0.5 / video.rate
        count = 0
        for frame in video.all_frames():
            count += 1
            if frame.seconds >= last:
                break
    return count


def measure_decoding(paths: list[Path], num_workers: int) -> float:
    """Return videos a second."""
    with ProcessPoolExecutor(num_workers, get_context("spawn")) as pool:
        list(pool.map(decode, paths[:num_workers]))  # imports
        start = time.perf_counter()
        list(pool.map(decode, paths))
        return len(paths) / (time.perf_counter() - start)


def digest(root: Path) -> str:
    """Return a digest of all files of a sampled set but its record, which names the folder."""
    found = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        if path.name != "sampling.json":
            found.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return found.hexdigest()


def main() -> None:
    """Measure, and print what was found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--detector", type=Path, help="YuNet; without it frames are taken whole")
    parser.add_argument("--num-workers", type=int, default=os.cpu_count())
    parser.add_argument("--work", type=Path, default=Path("build/sampling"))
    given = parser.parse_args()
    print(measuring.describe_machine("av", "opencv-python-headless"))
    num_videos = -(-given.frames // PER_VIDEO)
    work = given.work.resolve()
    crop = "none" if given.detector is None else "aligned"
    videos, root = work / "videos", work / "sampled"
    project = lay_out_project(work / "project", {})
    link_videos(write_clips(work / "clips"), videos, num_videos)
    params = {
        "sampling__sets__drawn__labels": videos,
        "sampling__sets__drawn__images": videos,
        "sampling__num_workers": given.num_workers,
        "sampling__crop": crop,
        **({} if given.detector is None else {"faces__detector": given.detector.resolve()}),
    }
    sample = sorted(videos.rglob("*.mp4"))[: max(64, given.num_workers * 4)]
    by_decoding = measure_decoding(sample, given.num_workers) * PER_VIDEO

    def is_half_done() -> bool:
        return sum(1 for _ in root.glob("images/drawn/*/*")) >= num_videos / 2

    start = time.perf_counter()
    log = work / "killed.log"
    arguments = kedro_arguments("sampling", sampling__root=root, **params)
    with Command(arguments, project, log) as command:
        command.wait_until(is_half_done, seconds=24 * 3600)
        status = command.status
        if status is None:
            os.kill(command.pid, signal.SIGKILL)  # its processes have to see to it themselves
        end = time.perf_counter() + 15
        while command.others() and time.perf_counter() < end:
            time.sleep(0.1)
        left_over = len(command.others())
    killed_at = time.perf_counter() - start
    before = sum(1 for _ in root.glob("images/drawn/*/*"))
    start = time.perf_counter()
    run_kedro(project, work / "continued.log", "sampling", sampling__root=root, **params)
    continued = time.perf_counter() - start
    num_frames = sum(1 for _ in root.rglob("*.png"))
    whole = work / "whole"
    start = time.perf_counter()
    run_kedro(project, work / "whole.log", "sampling", sampling__root=whole, **params)
    seconds = time.perf_counter() - start
    found = {
        "crop": crop,
        "videos": num_videos,
        "frames": num_frames,
        "processes": given.num_workers,
        "killed after s": round(killed_at, 1),
        "had ended by itself": status is not None,
        "processes left over": left_over,
        "videos kept": before,
        "continued for s": round(continued, 1),
        "whole run s, start included": round(seconds, 1),
        "frames/s, start included": round(num_frames / seconds, 1),
        "frames/s of decoding alone": round(by_decoding, 1),
        "ratio": round(num_frames / seconds / by_decoding, 3),
        "same bytes": digest(root) == digest(whole),
    }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
