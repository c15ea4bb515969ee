"""Every loss is what its formula says, worked out image by image."""

import math
from functools import partial

import pytest
import torch
from torch import nn

from face_forgery.modeling.network import DetectorNetwork
from face_forgery.training.losses import (
    LOSSES,
    ForwardPass,
    Loss,
    Outputs,
    alignment,
    focal,
    uniformity,
)

LOGITS = torch.tensor([[2.0, -1.0], [0.3, 0.1], [-4.0, 5.0], [0.0, 0.0], [30.0, -30.0]])
HARD = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
MIXED = torch.tensor([[0.7, 0.3], [0.5, 0.5], [0.0, 1.0], [0.1, 0.9], [1.0, 0.0]])


def softmax(logits):
    powers = [math.exp(value) for value in logits.tolist()]
    return [power / sum(powers) for power in powers]


def slow(of_image, logits, soft_targets):
    pairs = zip(logits, soft_targets.tolist(), strict=True)
    return sum(of_image(row, soft_target) for row, soft_target in pairs) / len(logits)


@pytest.mark.parametrize("soft_targets", [HARD, MIXED])
def test_the_default_is_the_plain_cross_entropy_bit_for_bit(soft_targets):
    expected = torch.nn.functional.cross_entropy(LOGITS, soft_targets)
    assert torch.equal(Loss()(Outputs(LOGITS), soft_targets), expected)
    if soft_targets is HARD:
        plain = torch.nn.functional.cross_entropy(LOGITS, soft_targets.argmax(dim=1))
        assert torch.equal(expected, plain)


@pytest.mark.parametrize("soft_targets", [HARD, MIXED])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_binary_cross_entropy_asks_of_each_logit_whether_it_is_its_class(soft_targets, smoothing):
    def of_image(logits, soft_target):
        total = 0.0
        for logit, part in zip(logits.tolist(), soft_target, strict=True):
            part = part * (1 - smoothing) + smoothing / 2
            total -= part * -math.log1p(math.exp(-logit)) + (1 - part) * -math.log1p(
                math.exp(logit)
            )
        return total / 2

    loss = Loss(name="bce", label_smoothing=smoothing)(Outputs(LOGITS), soft_targets)
    assert loss.item() == pytest.approx(slow(of_image, LOGITS, soft_targets), rel=1e-5)


@pytest.mark.parametrize("soft_targets", [HARD, MIXED])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_loss_is_its_formula(soft_targets, gamma):
    def of_image(logits, soft_target):
        return -sum(
            part * (1 - p) ** gamma * math.log(p)
            for p, part in zip(softmax(logits), soft_target, strict=True)
            if part
        )

    moderate = LOGITS[:4]
    loss = focal(moderate, soft_targets[:4], gamma)
    assert loss.item() == pytest.approx(slow(of_image, moderate, soft_targets[:4]), rel=1e-5)


@pytest.mark.parametrize("loss", [*LOSSES.values(), partial(focal, gamma=0.5)])
def test_slopes_stay_finite_however_sure_the_network_is(loss):
    logits = torch.tensor([[200.0, -200.0], [-200.0, 200.0]], requires_grad=True)
    loss(logits, HARD[[0, 0]]).backward()
    assert torch.isfinite(logits.grad).all()


def pairs_on_the_sphere(features):
    z = [row / row.norm() for row in features.double()]
    return [(i, j, float((z[i] - z[j]).square().sum())) for i in range(len(z)) for j in range(i)]


@pytest.mark.parametrize("targets", [[0, 1, 0, 1, 1, 0], [0, 1, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]])
def test_alignment_and_uniformity_are_their_formulas(targets):
    features = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    pairs = pairs_on_the_sphere(features)
    close = [distance for i, j, distance in pairs if targets[i] == targets[j]]
    found = alignment(features, torch.tensor(targets)).item()
    assert found == pytest.approx(sum(close) / len(close), rel=1e-5)
    spread = sum(math.exp(-2 * distance) for *_, distance in pairs) / len(pairs)
    assert uniformity(features).item() == pytest.approx(math.log(spread), rel=1e-5)


@pytest.mark.parametrize("targets", [[0], [0, 1]])
def test_without_a_pair_there_is_nothing_to_align_or_to_spread(targets):
    features = torch.randn(len(targets), 4, requires_grad=True)
    loss = alignment(features, torch.tensor(targets))
    loss = loss + (uniformity(features) if len(targets) == 1 else 0.0)
    loss.backward()
    assert loss.item() == 0.0
    assert features.grad is None or not features.grad.any()


@pytest.mark.parametrize(
    ("name", "term"),
    [
        ("alignment", alignment),
        ("uniformity", lambda features, _: uniformity(features)),
    ],
)
def test_a_term_of_features_is_added_with_its_weight(name, term):
    features = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    loss = Loss(**{name: 0.5})
    added = term(features, HARD.argmax(dim=1))
    expected = torch.nn.functional.cross_entropy(LOGITS, HARD) + 0.5 * added
    torch.testing.assert_close(loss(Outputs(LOGITS, features), HARD), expected)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_computed_in_float32_whatever_the_network_was(name):
    rounded = Outputs(LOGITS.bfloat16(), LOGITS.bfloat16())
    exact = Outputs(rounded.logits.float(), rounded.features.float())
    loss = Loss(name=name, alignment=1.0, uniformity=1.0)
    assert loss(rounded, HARD).dtype == torch.float32
    assert torch.equal(loss(rounded, HARD), loss(exact, HARD))


class Recorder(nn.Module):
    """A backbone that keeps what it was shown."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(3, 2)
        self.shown = []

    def get_classifier(self):
        return self.head

    def forward(self, pixels):
        self.shown.append(pixels)
        return self.head(pixels.mean(dim=(2, 3)))


@pytest.fixture
def network():
    return DetectorNetwork(Recorder(), (0.0,) * 3, (1.0,) * 3)


IMAGES = torch.randint(0, 256, (4, 3, 16, 16), dtype=torch.uint8)


def test_features_are_those_of_the_one_forward_pass_and_only_where_asked_for(network):
    plain = ForwardPass(network, gives_features=False)(IMAGES)
    assert plain.features is None
    outputs = ForwardPass(network, gives_features=True)(IMAGES)
    _, shown = network.backbone.shown
    assert torch.equal(outputs.features, shown.mean(dim=(2, 3)))
    assert torch.equal(outputs.logits, plain.logits)
