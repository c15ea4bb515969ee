"""Images are resized as by torchvision, which takes seconds to import, to the bit."""

import pickle

import pytest
import torch
from torchvision.transforms import InterpolationMode, v2

from face_forgery.data.images import resizing


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("has_fast_bytes", [True, False])
def test_bits_and_order_of_bytes_are_those_of_torchvision(
    interpolation, has_fast_bytes, monkeypatch
):
    name = "torchvision.transforms.v2.functional._geometry"
    for module, function in (
        (name, "_do_native_uint8_resize_on_cpu"),
        (resizing.__name__, "_has_fast_bytes"),
    ):
        fast = has_fast_bytes or interpolation == "bicubic"
        monkeypatch.setattr(f"{module}.{function}", lambda *_, fast=fast: fast)
    generator = torch.Generator().manual_seed(0)
    for height, width, side in ((64, 64, 32), (45, 80, 32), (20, 31, 48), (32, 32, 32), (7, 9, 2)):
        ours = resizing.eval_transform(side, interpolation)
        theirs = v2.Resize((side, side), interpolation=InterpolationMode(interpolation))
        pixels = torch.randint(0, 256, (height, width, 3), dtype=torch.uint8, generator=generator)
        for image in (pixels.permute(2, 0, 1), pixels.permute(2, 0, 1).contiguous()):
            ours_of, theirs_of = pickle.loads(pickle.dumps(ours))(image), theirs(image)
            assert torch.equal(ours_of, theirs_of)
            assert ours_of.stride() == theirs_of.stride()
