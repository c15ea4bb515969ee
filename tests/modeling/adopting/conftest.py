"""Models of other libraries, tiny and random, saved as these save them."""

import pytest
import torch


def spread(network, head, side):
    """Draw a head whose logits differ from image to image, around 0."""
    seen = []
    hook = head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    coarse = torch.rand(16, 3, side // 4, side // 4)
    with torch.no_grad():
        images = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic")
        network((images - 0.45) / 0.25)
        hook.remove()
        torch.nn.init.normal_(head.weight)
        logits = seen[0] @ head.weight.T
        head.weight /= logits.std(0)[:, None]
        head.bias.copy_(-logits.mean(0) / logits.std(0))


@pytest.fixture(scope="session")
def make_torchvision():
    """Return a builder of a torchvision classifier with spread logits."""
    from torchvision import models

    def make(num_classes=2):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network = models.get_model(
                "shufflenet_v2_x0_5", weights=None, num_classes=num_classes
            ).eval()
            spread(network, network.fc, side=32)
        return network

    return make


@pytest.fixture(scope="session")
def save_transformers(tmp_path_factory):
    """Return a function that saves a classifier of transformers with its processor."""
    from transformers import (
        ConvNextImageProcessor,
        ResNetConfig,
        ResNetForImageClassification,
        ViTConfig,
        ViTForImageClassification,
        ViTImageProcessor,
    )

    def save(kind, labels=("Real", "Fake"), **changes):
        folder = tmp_path_factory.mktemp(kind)
        named = {"id2label": dict(enumerate(labels)), "label2id": {}}
        named["label2id"] = {name: index for index, name in named["id2label"].items()}
        if kind == "vit":  # images as they are
            sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
            sizes |= {"intermediate_size": 32, "image_size": 32, "patch_size": 16}
            config, model = ViTConfig(**named, **sizes, **changes), ViTForImageClassification
            processor = ViTImageProcessor(size={"height": 32, "width": 32}, image_std=[0.2] * 3)
        else:  # the center of what is resized to 64 pixels
            sizes = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}
            config = ResNetConfig(layer_type="basic", **named, **sizes, **changes)
            model = ResNetForImageClassification
            processor = ConvNextImageProcessor(size={"shortest_edge": 56}, crop_pct=0.875)
        with torch.random.fork_rng():
            torch.manual_seed(1)
            network = model(config).eval()
            head = network.classifier if kind == "vit" else network.classifier[1]
            spread(network, head, side=32 if kind == "vit" else 56)
        network.save_pretrained(folder)
        processor.save_pretrained(folder)
        return folder

    return save
