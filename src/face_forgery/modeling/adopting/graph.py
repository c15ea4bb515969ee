"""A network of another library as a graph of OpenVINO: uint8 images to the logits of two classes.

What stands around the network is put into the graph: the normalization before it, which may first
crop the center, and behind it what makes two logits of its own.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from face_forgery.modeling.detector import BackboneError, Detector, DetectorError, Preprocessing
from face_forgery.modeling.engines.openvino_network import (
    TOLERANCES,
    compile_model,
    convert_module,
    import_openvino,
    keep_own_logits,
)
from face_forgery.modeling.engines.stored_graph import read_graph, store_model

_CHECKED = 3  # images, together and one by one


def adopt_module(
    network: nn.Module,
    architecture: str,
    preprocessing: Preprocessing,
    fake: Sequence[int],
    *,
    crop: int | None = None,
) -> Detector:
    """Return the detector of ``network``, normalized ``(B, 3, S, S)`` to logits ``(B, K)``.

    ``crop`` pixels in the middle of an image are S; ``None``: the whole image is. ``fake`` are the
    indices of `facts.choose_fake`.

    Raises:
        BackboneError: If OpenVINO cannot compute it, or gives other logits than torch.
    """
    side = crop or preprocessing.image_size
    network = network.eval()
    try:
        model = convert_module(network, torch.zeros((2, 3, side, side)))
    except DetectorError as error:
        raise BackboneError(f"{architecture}: {error}") from error
    detector = adopt_graph(model, architecture, preprocessing, fake, crop=crop)
    images = _random_images(preprocessing.image_size)
    start = (preprocessing.image_size - side) // 2
    middle = images[..., start : start + side, start : start + side]
    mean, std = (
        torch.tensor(values).view(1, 3, 1, 1) for values in (preprocessing.mean, preprocessing.std)
    )
    with torch.inference_mode():
        expected = _margins_of(network((middle / 255 - mean) / std).numpy(), fake)
    _compare(architecture, _run(model, images), expected, "torch gives")
    return detector


def adopt_graph(
    model: Any,
    architecture: str,
    preprocessing: Preprocessing,
    fake: Sequence[int],
    *,
    crop: int | None = None,
) -> Detector:
    """Return the detector of an OpenVINO model, which is changed; otherwise as `adopt_module`."""
    _add_normalization(model, preprocessing, crop)
    _add_two_logits(model, fake)
    model.validate_nodes_and_infer_types()
    try:
        keep_own_logits(model)
        detector = Detector(architecture, {}, {}, preprocessing, epoch=0, graph=store_model(model))
        read_graph(detector)  # what is written can be read
        images = _random_images(preprocessing.image_size)
        together = _run(model, images)
        single = np.concatenate([_run(model, image[None]) for image in images])
    except (RuntimeError, DetectorError) as error:
        reason = str(error).strip().partition("\n")[0][:300]
        raise BackboneError(f"{architecture} cannot be adopted as it is: {reason}") from error
    _compare(architecture, together, single, "it gives each image by itself")
    return detector


def _add_normalization(model: Any, preprocessing: Preprocessing, crop: int | None) -> None:
    """Let the model take uint8 ``(B, 3, image_size, image_size)``."""
    operations, outer = import_openvino().opset13, preprocessing.image_size
    images = operations.parameter([-1, 3, outer, outer], np.uint8, name="images")
    seen = operations.convert(images, "f32")
    if crop is not None and crop < outer:
        start = (outer - crop) // 2
        ends = [np.array([at, at]) for at in (start, start + crop)]
        seen = operations.slice(seen, *ends, np.array([1, 1]), np.array([2, 3]))
    mean, std = (
        (255 * np.array(values)).astype(np.float32).reshape(1, 3, 1, 1)
        for values in (preprocessing.mean, preprocessing.std)
    )
    seen = operations.divide(operations.subtract(seen, mean), std)
    (pixels,) = model.get_parameters()
    for reader in pixels.output(0).get_target_inputs():
        reader.replace_source_output(seen.output(0))
    model.add_parameters([images])
    model.remove_parameter(pixels)


def _add_two_logits(model: Any, fake: Sequence[int]) -> None:
    """Turn K logits into those of real and fake: the same probability of forgery, exactly.

    A single logit z becomes (0, z), or (z, 0) where its high side means real. Of several logits of
    a class, with softmax, the logarithm of their summed exponentials is the logit of the class.
    """
    operations = import_openvino().opset13
    (result,) = model.get_results()
    logits = result.input_value(0)
    count = logits.get_partial_shape()[-1].get_length()
    if count == 1:
        signs = np.array([[0, 1]] if tuple(fake) == (1,) else [[1, 0]], np.float32)
        both = operations.multiply(logits, signs)
    else:
        real = [index for index in range(count) if index not in fake]
        both = operations.concat([_joined(logits, real), _joined(logits, list(fake))], 1)
    model.add_results([operations.result(both)])
    model.remove_result(result)


def _joined(logits: Any, indices: list[int]) -> Any:
    operations = import_openvino().opset13
    chosen = operations.gather(logits, np.array(indices), np.array(1))
    if len(indices) == 1:
        return chosen
    largest = operations.reduce_max(chosen, np.array([1]), keep_dims=True)
    powers = operations.exp(operations.subtract(chosen, largest))
    summed = operations.reduce_sum(powers, np.array([1]), keep_dims=True)
    return operations.add(operations.log(summed), largest)


def _margins_of(logits: NDArray[np.float32], fake: Sequence[int]) -> NDArray[np.float64]:
    """Return logits of two classes, ``(B, 2)``, as `_add_two_logits` makes them of ``(B, K)``."""
    exact = logits.astype(np.float64)
    if exact.shape[1] == 1:
        pair = [np.zeros_like(exact), exact]
        return np.concatenate(pair if tuple(fake) == (1,) else pair[::-1], axis=1)
    real = [index for index in range(exact.shape[1]) if index not in fake]
    pair = [np.logaddexp.reduce(exact[:, chosen], axis=1) for chosen in (real, list(fake))]
    return np.stack(pair, axis=1)


def _run(model: Any, images: Tensor) -> NDArray[np.float64]:
    logits = compile_model(model, "float32")([images.numpy()])[0]
    return np.asarray(logits, dtype=np.float64)


def _random_images(size: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (_CHECKED, 3, size, size), generator=generator)
    return images.to(torch.uint8)


def _compare(
    architecture: str, found: NDArray[np.float64], expected: NDArray[np.float64], what: str
) -> None:
    given, right = (logits[:, 1] - logits[:, 0] for logits in (found, expected))
    allowed = TOLERANCES["float32"] * np.maximum(1.0, np.abs(right))
    if not (np.abs(given - right) <= allowed).all():
        raise BackboneError(
            f"{architecture} cannot be adopted as it is: of {len(given)} random images OpenVINO "
            f"gives the margins {np.round(given, 6).tolist()} where {what} "
            f"{np.round(right, 6).tolist()}"
        )
