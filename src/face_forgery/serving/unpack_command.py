"""``face-forgery unpack``: a set of Parquet tables or tar archives to a folder of images, once."""

import argparse
import logging
import sys
from pathlib import Path

from face_forgery.data.packed.samples import PackedError
from face_forgery.data.packed.unpacking import unpack_set


def main(arguments: list[str] | None = None) -> None:
    """Unpack what is not unpacked yet, and count what lies there now."""
    parser = argparse.ArgumentParser(prog="face-forgery unpack", description=__doc__)
    parser.add_argument("source", metavar="SOURCE", help="a folder of .parquet or .tar, or one")
    parser.add_argument("folder", metavar="FOLDER", help="a new one, or that of a stopped call")
    parser.add_argument(
        "--image", metavar="NAME", help="the column, or the ending of a tar's images, if several"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    source, folder = (Path(one).expanduser() for one in (options.source, options.folder))
    try:
        shards = list(unpack_set(source, folder, options.image))
    except PackedError as error:
        sys.exit(f"face-forgery unpack: {error}")
    except OSError as error:
        sys.exit(f"face-forgery unpack: {error.filename or folder}: {error.strerror or error}")
    except KeyboardInterrupt:
        sys.exit("face-forgery unpack: interrupted; the same command goes on from the last shard")
    images, labelled = (sum(getattr(o, f"num_{n}") for o in shards) for n in ("images", "labelled"))
    left = [one for one in shards if one.num_left_out]
    sys.stdout.write(
        f"{sum(one.num_samples for one in shards):,} samples in {len(shards):,} shard(s): "
        f"{images:,} images in {folder}, {labelled:,} of them with a label\n"
    )
    for one in left:
        sys.stdout.write(f"{one.shard}: {one.num_left_out:,} left out: {one.left_out}\n")
