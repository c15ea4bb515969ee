"""The same engineer in Python: use.py FOLDER."""

import sys
from pathlib import Path

import face_forgery as ff

if __name__ == "__main__":
    detector = ff.Detector.load("data/06_models/detector")
    paths = sorted(Path(sys.argv[1]).iterdir())
    for path, result in zip(paths, detector.judge(paths), strict=True):
        print(path.name, result.score, result.verdict, result.status)
