"""What happens to the pixels of an image before the network sees them: pixels in, pixels out.

No transform sees a label, a file name or a split, so both classes go through the same changes.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torchvision.transforms import InterpolationMode, v2

from face_forgery.data.degradation.random_chains import RandomDegradations, add_noise, kernel_size
from face_forgery.data.images.resizing import PixelTransform, eval_transform
from face_forgery.params import AugmentationParams, PreprocessingParams


def train_transform(
    preprocessing: PreprocessingParams, augmentation: AugmentationParams
) -> PixelTransform:
    """Return the transform of training images: ``uint8 (3, H, W) -> uint8 (3, S, S)``.

    Size first, then geometry, color, and last what a camera or a web site adds: chains of
    degradations, blur, noise and JPEG, at the scale the network sees. All draws come from torch's
    global generator. A change with probability or strength 0 is left out, so that it draws nothing
    either.
    """
    size, mode = preprocessing.image_size, preprocessing.interpolation
    crop = _random_crop(size, mode, augmentation.crop_scale)
    transform: PixelTransform = v2.Compose([crop, *_changes(augmentation)])
    return transform


def _changes(augmentation: AugmentationParams) -> list[nn.Module]:
    """Return what is drawn after an image has its size."""
    steps: list[nn.Module] = []
    if augmentation.horizontal_flip:
        steps.append(v2.RandomHorizontalFlip(augmentation.horizontal_flip))
    if augmentation.vertical_flip:
        steps.append(v2.RandomVerticalFlip(augmentation.vertical_flip))
    if augmentation.rotation or augmentation.shift or augmentation.zoom:
        steps.append(
            v2.RandomAffine(
                augmentation.rotation,
                translate=(augmentation.shift, augmentation.shift),
                scale=(1.0 - augmentation.zoom, 1.0 + augmentation.zoom),
                interpolation=InterpolationMode.BILINEAR,
            )
        )
    if augmentation.color_jitter:
        strength = augmentation.color_jitter
        steps.append(v2.ColorJitter(strength, strength, strength))
    if augmentation.degradation:
        steps.append(RandomDegradations(augmentation.degradation))
    if augmentation.blur:
        low, high = augmentation.blur_sigma
        blur = v2.GaussianBlur(kernel_size(high), (max(low, 1e-3), max(high, 1e-3)))
        steps.append(v2.RandomApply([blur], augmentation.blur))
    if augmentation.noise:
        noise = partial(_add_random_noise, sigma=augmentation.noise_sigma)
        steps.append(v2.RandomApply([noise], augmentation.noise))
    if augmentation.jpeg:
        steps.append(v2.RandomApply([v2.JPEG(augmentation.jpeg_quality)], augmentation.jpeg))
    return steps


def _add_random_noise(image: Tensor, sigma: tuple[float, float]) -> Tensor:
    """Add noise whose strength, unlike torchvision's, is drawn anew for each image."""
    low, high = sigma
    return add_noise(image, low + (high - low) * torch.rand(()).item())


def _random_crop(image_size: int, interpolation: str, smallest_scale: float) -> PixelTransform:
    if smallest_scale == 1.0:
        return eval_transform(image_size, interpolation)
    crop: PixelTransform = v2.RandomResizedCrop(
        (image_size, image_size),
        scale=(smallest_scale, 1.0),
        interpolation=InterpolationMode(interpolation),
        antialias=True,
    )
    return crop
