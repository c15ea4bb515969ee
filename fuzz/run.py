"""Run the fuzz targets one after another, each for its share of the time.

Each may take 1.5 GiB beyond what it starts with: an allocation is a finding, too. What is found is
left in ``fuzz/found/TARGET`` as ``crash-*``, ``timeout-*`` or ``oom-*``; a fixed one belongs into
``fuzz/seeds/TARGET``, where the tests replay it for good.
"""

import argparse
import importlib
import logging
import subprocess
import sys
from pathlib import Path

from memory import limit_memory

HERE = Path(__file__).parent
TARGETS = ("label_parsing", "image_decoding", "metadata_reading", "checkpoint_reading")
_TRACED = ["face_forgery", "PIL", "csv", "json"]  # what coverage is measured of


def main() -> int:
    """Return 0 if nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=1800, help="of all targets together")
    parser.add_argument("--target", choices=TARGETS, action="append", help="only this one")
    parser.add_argument("--inside", choices=TARGETS, help=argparse.SUPPRESS)
    options, rest = parser.parse_known_args()
    if options.inside:
        return _fuzz(options.inside, rest)
    targets = options.target or TARGETS
    seconds = max(1, options.seconds // len(targets))
    return max(_start(target, seconds, rest) for target in targets)


def _start(target: str, seconds: int, rest: list[str]) -> int:
    """Run one target in a process of its own, which libFuzzer ends when it finds something."""
    corpus, found = HERE / "corpus" / target, HERE / "found" / target
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, str(Path(__file__)), "--inside", target, f"-max_total_time={seconds}",
        "-timeout=30", "-rss_limit_mb=4096", "-max_len=65536", f"-artifact_prefix={found}/",
        "-print_final_stats=1", f"-dict={HERE / 'words.dict'}", *rest,
        str(corpus), str(HERE / "seeds" / target),
    ]  # fmt: skip
    print(f"{target}: {seconds} s", flush=True)
    return int(subprocess.run(command, check=False).returncode != 0)


def _fuzz(target: str, arguments: list[str]) -> int:
    import atheris

    logging.disable()
    sys.path.insert(0, str(HERE))
    with atheris.instrument_imports(include=_TRACED):
        check = importlib.import_module(target).check
    atheris.Setup([sys.argv[0], *arguments], check)
    limit_memory()
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
