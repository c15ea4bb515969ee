"""A network small enough to train in milliseconds, with dropout and batch normalization."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from face_forgery.data.loading.image_dataset import ImageDataset
from face_forgery.data.loading.loaders import eval_loader, train_loader
from face_forgery.modeling.network import DetectorNetwork
from face_forgery.training.state import TrainState
from face_forgery.training.training_data import Run, build_train_loader


class TinyBackbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2)
        self.norm = nn.BatchNorm2d(8)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(8, 2)

    def get_classifier(self):
        return self.head

    def forward(self, pixels):
        features = torch.relu(self.norm(self.conv(pixels))).mean(dim=(2, 3))
        return self.head(self.drop(features))


class Images(Dataset):
    """The images of an epoch, from a function of its number that gives batches."""

    def __init__(self, batches_of):
        self.batches_of, self.epoch = batches_of, None

    def __getitem__(self, key):
        epoch, index = key
        if epoch != self.epoch:
            parts = zip(*self.batches_of(epoch), strict=True)
            self.epoch, (self.images, self.targets) = epoch, map(torch.cat, parts)
        return self.images[index], self.targets[index]


class InOrder:
    """Keys ``(epoch, index)`` of `Images`."""

    def __init__(self, num_images, batch_size):
        self.num_images, self.batch_size = num_images, batch_size
        self.set_epoch(1)

    def set_epoch(self, epoch, num_batches=0):
        self.epoch, self.start = epoch, num_batches * self.batch_size

    def __len__(self):
        return self.num_images - self.start

    def __iter__(self):
        return ((self.epoch, index) for index in range(self.start, self.num_images))


@pytest.fixture
def make_state():
    def make(*, learning_rate=0.05, step_size=5, gamma=0.5):
        torch.manual_seed(0)
        network = DetectorNetwork(TinyBackbone(), (0.5,) * 3, (0.25,) * 3)
        optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size, gamma)
        return TrainState(network, optimizer, scheduler)

    return make


@pytest.fixture
def batches_of():
    """Return a function of an epoch's number: two batches in which a forgery is brighter."""

    def make(number):
        generator = torch.Generator().manual_seed(number)
        targets = torch.tensor([0, 1, 0, 1])
        noise = [torch.randint(0, 160, (4, 3, 8, 8), generator=generator) for _ in range(2)]
        bright = 90 * targets.view(-1, 1, 1, 1)
        return [((pixels + bright).to(torch.uint8), targets) for pixels in noise]

    return make


@pytest.fixture
def make_loader(batches_of):
    """Return a builder of torch's loader from a function of the epoch's number."""

    def make(of=batches_of):
        sizes = [len(targets) for _, targets in of(1)]
        sampler = InOrder(sum(sizes), sizes[0])
        alone = torch.Generator()  # the loader draws too; dropout has the global one
        return DataLoader(Images(of), batch_size=sizes[0], sampler=sampler, generator=alone)

    return make


@pytest.fixture
def make_run(photographs, make_params, no_faces):
    """Return a builder of runs: twelve photographs to train with, and to validate with."""
    root, manifest, landmarks = photographs

    def make(*, resume_from=None, change_dataset=lambda dataset: dataset, **changes):
        params = make_params(**changes)
        names = ("preprocessing", "augmentation", "training")
        sections = {name: getattr(params, name) for name in names}
        plain = build_train_loader(manifest, no_faces, landmarks, root=root, **sections)
        loader = train_loader(change_dataset(plain.dataset), params.training)
        val_set = ImageDataset.of(manifest, root, params.preprocessing)
        val_loader = eval_loader(val_set, batch_size=4, num_workers=params.scoring.num_workers)
        return Run(loader, val_loader, params.model, params.training, resume_from=resume_from)

    return make
