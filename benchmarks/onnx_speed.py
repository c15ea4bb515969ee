"""Pictures a second of the exported ONNX file against the network it was made of, from memory.

Run: python benchmarks/onnx_speed.py [--image-size 256] [--batch 32] [--rounds 5]
     [--backbones resnet18 mobilenetv1_100 vit_tiny_patch16_224]

Both are fed the same bytes and use all cores. They take turns, and the median round counts.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import onnxruntime
import timm
import torch
from place import describe_place

from face_forgery.modeling.detector import Detector, Preprocessing
from face_forgery.modeling.export import INPUT, OUTPUT, export_onnx
from face_forgery.modeling.forward_path import score_images

SEED = 0
SECONDS = 4.0  # of one measurement


def main() -> None:
    """Measure backbone by backbone."""
    options = _parse()
    print(describe_place("torch", "timm", "onnx", "onnxruntime"))
    print(f"seed {SEED}, {torch.get_num_threads()} threads, {options}")
    print(f"  {'':26s}{'torch':>10s}{'ONNX':>10s}{'ratio':>8s}{'largest difference':>22s}")
    for name in options.backbones:
        _measure(name, options.image_size, options.batch, options.rounds)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image-size", type=int, default=256, help="pixels")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--backbones", nargs="+", default=["resnet18", "mobilenetv1_100", "vit_tiny_patch16_224"]
    )
    return parser.parse_args()


def _measure(name: str, size: int, batch: int, rounds: int) -> None:
    torch.manual_seed(SEED)
    options = {"img_size": size} if timm.get_pretrained_cfg(name).fixed_input_size else {}
    backbone = timm.create_model(name, num_classes=2, **options)
    preprocessing = Preprocessing(size, "bilinear", (0.5,) * 3, (0.25,) * 3)
    detector = Detector(name, {}, backbone.state_dict(), preprocessing, 1, "", {}, {})
    network = detector.build_network()
    session = onnxruntime.InferenceSession(export_onnx(detector))
    images = torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8)
    pixels = images.numpy()

    def ours() -> np.ndarray:
        return score_images(network, images, torch.device("cpu"))

    def theirs() -> np.ndarray:
        return np.asarray(session.run([OUTPUT], {INPUT: pixels})[0])

    difference = float(np.abs(ours() - theirs()).max())
    rates = [(_rate(ours, batch), _rate(theirs, batch)) for _ in range(rounds)]
    torch_rate, onnx_rate = (median(column) for column in zip(*rates, strict=True))
    ratio = median(right / left for left, right in rates)
    print(f"  {name:26s}{torch_rate:10.1f}{onnx_rate:10.1f}{ratio:8.2f}{difference:22.1e}")


def _rate(forward: Callable[[], np.ndarray], batch: int) -> float:
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        forward()
        count += batch
    return count / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
