"""How fast forgeries are made, each kind alone and all kinds mixed.

Run: python benchmarks/forging_speed.py [--pictures 24] [--rounds 4] [--sides 256 512 1024]

Faces are drawn, cut so that a face fills most of its picture as in face crops, and brought to each
size. One core is used: threads of OpenCV are off, and seconds are those that this process had the
processor for, so that other load changes them little. Prints hardware, versions and the commit
first.
"""

import argparse
import time

import cv2
import numpy as np
from place import describe_place

from face_forgery.forgery.making.contact_sheet import draw_portraits
from face_forgery.forgery.making.draw import Forger, picture_rng
from face_forgery.forgery.making.kinds import FORGING_KINDS, Portrait


def main() -> None:
    """Measure every kind at every size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--sides", type=int, nargs="+", default=[256, 512, 1024], help="pixels")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print(describe_place("numpy", "opencv-python-headless"))
    drawn = [_cut(portrait) for portrait in draw_portraits(options.pictures, seed=0)]
    for side in options.sides:
        portraits = [_resize(portrait, side) for portrait in drawn]
        print(f"{side} x {side} pixels, one core:")
        seconds = []
        for kind in FORGING_KINDS:
            each = _seconds(portraits, kind, options.rounds)
            seconds.append(each)
            print(f"  {kind:16s}{1e3 * each:8.2f} ms a picture, {1 / each:6.0f} pictures/s")
        print(f"  {'all, mixed':16s}{1e3 * np.mean(seconds):8.2f} ms a picture, ", end="")
        print(f"{1 / np.mean(seconds):6.0f} pictures/s")


def _cut(portrait: Portrait) -> Portrait:
    """Cut the box of the landmarks with a tenth of it around."""
    points = portrait.landmarks
    margin = 0.1 * np.ptp(points, axis=0)
    left, top = np.maximum(np.floor(points.min(axis=0) - margin), 0).astype(int)
    right, bottom = np.ceil(points.max(axis=0) + margin).astype(int)
    return Portrait(portrait.pixels[top:bottom, left:right].copy(), points - (left, top))


def _resize(portrait: Portrait, side: int) -> Portrait:
    height, width = portrait.pixels.shape[:2]
    pixels = cv2.resize(portrait.pixels, (side, side), interpolation=cv2.INTER_CUBIC)
    scale = np.array([side / width, side / height])
    return Portrait(pixels, (portrait.landmarks + 0.5) * scale - 0.5)


def _seconds(portraits: list[Portrait], kind: str, rounds: int) -> float:
    """Return the mean time of a forgery; the first round only warms up."""
    forger = Forger({kind: 1.0}, 1.0)
    start = 0.0
    for epoch in range(rounds + 1):
        if epoch == 1:
            start = time.process_time()
        for index, own in enumerate(portraits):
            partner = portraits[(index + 1) % len(portraits)]
            forger.forge(own.pixels, own.landmarks, partner, picture_rng(0, epoch, index))
    return (time.process_time() - start) / (rounds * len(portraits))


if __name__ == "__main__":
    main()
