"""Every loss is what its formula says, worked out picture by picture."""

import math

import pytest
import torch
from torch import nn

from face_forgery.modeling.network import DetectorNetwork
from face_forgery.training.distributed.process_group import Part
from face_forgery.training.losses import (
    Loss,
    Outputs,
    focal,
    inconsistency,
    supervised_contrastive,
)

LOGITS = torch.tensor([[2.0, -1.0], [0.3, 0.1], [-4.0, 5.0], [0.0, 0.0], [30.0, -30.0]])
HARD = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
MIXED = torch.tensor([[0.7, 0.3], [0.5, 0.5], [0.0, 1.0], [0.1, 0.9], [1.0, 0.0]])


def softmax(logits):
    powers = [math.exp(value) for value in logits.tolist()]
    return [power / sum(powers) for power in powers]


def slow(of_picture, logits, shares):
    pairs = zip(logits, shares.tolist(), strict=True)
    return sum(of_picture(row, share) for row, share in pairs) / len(logits)


@pytest.mark.parametrize("shares", [HARD, MIXED])
def test_the_default_is_the_plain_cross_entropy_bit_for_bit(shares):
    expected = torch.nn.functional.cross_entropy(LOGITS, shares)
    assert torch.equal(Loss()(Outputs(LOGITS), shares), expected)
    if shares is HARD:
        plain = torch.nn.functional.cross_entropy(LOGITS, shares.argmax(dim=1))
        assert torch.equal(expected, plain)


@pytest.mark.parametrize("shares", [HARD, MIXED])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_binary_cross_entropy_asks_of_each_logit_whether_it_is_its_class(shares, smoothing):
    def of_picture(logits, share):
        total = 0.0
        for logit, part in zip(logits.tolist(), share, strict=True):
            part = part * (1 - smoothing) + smoothing / 2
            total -= part * -math.log1p(math.exp(-logit)) + (1 - part) * -math.log1p(
                math.exp(logit)
            )
        return total / 2

    loss = Loss(name="bce", label_smoothing=smoothing)(Outputs(LOGITS), shares)
    assert loss.item() == pytest.approx(slow(of_picture, LOGITS, shares), rel=1e-5)


@pytest.mark.parametrize("shares", [HARD, MIXED])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_loss_is_its_formula(shares, gamma):
    def of_picture(logits, share):
        return -sum(
            part * (1 - p) ** gamma * math.log(p)
            for p, part in zip(softmax(logits), share, strict=True)
            if part
        )

    moderate = LOGITS[:4]
    loss = Loss(name="focal", gamma=gamma)(Outputs(moderate), shares[:4])
    assert loss.item() == pytest.approx(slow(of_picture, moderate, shares[:4]), rel=1e-5)


@pytest.mark.parametrize("shares", [HARD, MIXED])
def test_focal_loss_without_gamma_is_the_cross_entropy(shares):
    for smoothing in (0.0, 0.1):
        ours = Loss(name="focal", gamma=0.0, label_smoothing=smoothing)
        theirs = Loss(label_smoothing=smoothing)
        torch.testing.assert_close(ours(Outputs(LOGITS), shares), theirs(Outputs(LOGITS), shares))


def test_focal_loss_counts_pictures_that_are_right_already_for_little():
    right, wrong = torch.tensor([[4.0, 0.0]]), torch.tensor([[0.0, 4.0]])
    real = torch.tensor([[1.0, 0.0]])
    plain = focal(wrong, real, 0.0) / focal(right, real, 0.0)
    assert focal(wrong, real, 2.0) / focal(right, real, 2.0) > 1000 * plain


@pytest.mark.parametrize("name", ["cross_entropy", "bce", "focal"])
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_slopes_stay_finite_however_sure_the_network_is(name, gamma):
    logits = torch.tensor([[200.0, -200.0], [-200.0, 200.0]], requires_grad=True)
    Loss(name=name, gamma=gamma)(Outputs(logits), HARD[[0, 0]]).backward()
    assert torch.isfinite(logits.grad).all()


def slow_contrastive(features, targets, temperature):
    z = [row / row.norm() for row in features.double()]
    losses = []
    for i in range(len(z)):
        others = [a for a in range(len(z)) if a != i]
        positives = [p for p in others if targets[p] == targets[i]]
        if positives:
            total = sum(math.exp(z[i] @ z[a] / temperature) for a in others)
            logs = [math.log(math.exp(z[i] @ z[p] / temperature) / total) for p in positives]
            losses.append(-sum(logs) / len(positives))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("targets", [[0, 1, 0, 1, 1, 0], [0, 1, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]])
@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_the_contrastive_term_is_its_formula(targets, temperature):
    features = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    found = supervised_contrastive(features, torch.tensor(targets), temperature)
    assert found.item() == pytest.approx(slow_contrastive(features, targets, temperature), rel=1e-5)


def test_the_contrastive_term_draws_a_class_together():
    features = torch.randn(8, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    targets = torch.arange(8) % 2
    optimizer = torch.optim.SGD([features], lr=1.0)
    for _ in range(200):
        optimizer.zero_grad()
        supervised_contrastive(features, targets, 0.5).backward()
        optimizer.step()
    units = torch.nn.functional.normalize(features.detach(), dim=1)
    alike = units @ units.T
    assert alike[0, 2] > 0.9
    assert alike[0, 1] < 0.0


@pytest.mark.parametrize("targets", [[0], [0, 1]])
def test_pictures_without_another_of_their_class_cost_nothing(targets):
    features = torch.randn(len(targets), 4, requires_grad=True)
    loss = supervised_contrastive(features, torch.tensor(targets), 0.1)
    loss.backward()
    assert loss.item() == 0.0
    assert torch.equal(features.grad, torch.zeros_like(features))


def test_inconsistency_is_the_divergence_of_what_is_said_of_the_copies():
    of_copies = torch.tensor([[1.0, 0.0], [2.0, -2.0], [-3.0, 5.0], [0.0, 1.0]])
    expected = 0.0
    for given, said in zip(LOGITS[:4], of_copies, strict=True):
        pairs = zip(softmax(given), softmax(said), strict=True)
        expected += sum(p * math.log(p / q) for p, q in pairs) / 4
    assert inconsistency(LOGITS[:4], of_copies).item() == pytest.approx(expected, rel=1e-5)
    assert inconsistency(LOGITS, LOGITS).item() == pytest.approx(0.0, abs=1e-7)


def test_only_what_is_said_of_the_copies_gives_way():
    logits = LOGITS.clone().requires_grad_()
    of_copies = LOGITS.flip(1).clone().requires_grad_()
    inconsistency(logits, of_copies).backward()
    assert logits.grad is None
    assert of_copies.grad.abs().max() > 0


def test_terms_are_added_with_their_weights():
    features = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    of_copies = LOGITS.flip(0)
    loss = Loss(contrastive=0.5, temperature=0.3, consistency=2.0)
    expected = (
        torch.nn.functional.cross_entropy(LOGITS, HARD)
        + 0.5 * supervised_contrastive(features, HARD.argmax(dim=1), 0.3)
        + 2.0 * inconsistency(LOGITS, of_copies)
    )
    torch.testing.assert_close(loss(Outputs(LOGITS, features, of_copies), HARD), expected)


def test_a_part_is_compared_with_what_it_is_joined_to_and_averaged_over_its_own_pictures():
    features = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    own, loss = slice(1, 3), Loss(contrastive=0.5, consistency=2.0)
    whole = {(2, 3): features, (2,): HARD.argmax(dim=1)}
    part = Outputs(LOGITS[own], features[own], LOGITS.flip(0)[own])
    expected = (
        torch.nn.functional.cross_entropy(LOGITS[own], HARD[own])
        + 0.5 * supervised_contrastive(features, HARD.argmax(dim=1), 0.1)
        + 2.0 * inconsistency(LOGITS[own], LOGITS.flip(0)[own])
    )
    found = loss(part, HARD[own], lambda rows: whole[tuple(rows.shape)])
    torch.testing.assert_close(found, expected)


def test_losses_are_computed_in_float32_whatever_the_network_was():
    for name in ("cross_entropy", "bce", "focal"):
        rounded = Outputs(LOGITS.bfloat16(), LOGITS.bfloat16(), LOGITS.flip(0).bfloat16())
        loss = Loss(name=name, contrastive=1.0, consistency=1.0)(rounded, HARD)
        exact = Outputs(
            *(part.float() for part in (rounded.logits, rounded.features, rounded.logits_of_copies))
        )
        assert loss.dtype == torch.float32
        assert torch.equal(loss, Loss(name=name, contrastive=1.0, consistency=1.0)(exact, HARD))


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


def outputs_of(loss, network, images, *, epoch=1, number=0):
    passes = loss.passes(network)
    return loss.outputs(passes, images, epoch=epoch, number=number, part=Part.whole(len(images)))


def test_the_plain_loss_asks_for_one_forward_pass(network):
    outputs = outputs_of(Loss(), network, IMAGES)
    assert len(network.backbone.shown) == 1
    assert outputs.features is None
    assert outputs.logits_of_copies is None


def test_the_contrastive_term_gets_the_pooled_features_of_the_same_pass(network):
    outputs = outputs_of(Loss(contrastive=1.0), network, IMAGES)
    (shown,) = network.backbone.shown
    assert torch.equal(outputs.features, shown.mean(dim=(2, 3)))
    assert torch.equal(outputs.logits, network(IMAGES))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_copies_follow_from_the_place_in_the_run_and_keep_the_type(network, dtype):
    asked = []

    def degrade(images, draws):
        asked.append((images.dtype, draws.draw_one()))
        return 255 - images

    images = IMAGES.to(dtype) + (0.4 if dtype == torch.float32 else 0)
    for seed, epoch, number in ((0, 1, 0), (0, 1, 0), (1, 1, 0), (0, 2, 0), (0, 1, 1)):
        loss = Loss(consistency=1.0, degrade=degrade, seed=seed)
        outputs = outputs_of(loss, network, images, epoch=epoch, number=number)
    assert {kind for kind, _ in asked} == {torch.uint8}
    draws = [draw for _, draw in asked]
    assert draws[0] == draws[1]
    assert len(set(draws)) == 4
    torch.testing.assert_close(outputs.logits_of_copies, network((255 - IMAGES).to(dtype)))
