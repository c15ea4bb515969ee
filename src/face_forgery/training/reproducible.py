"""Where the random numbers of a run come from."""

import torch


def seed_torch(seed: int) -> None:
    """Seed torch on every device and ask cuDNN for repeatable kernels.

    On a CPU with the same number of threads and the same library versions, equal seeds then give
    equal weights, bit for bit. On a GPU cuDNN is held to deterministic kernels and does not try
    out which are fastest; other CUDA kernels may still add in another order. Deterministic mode
    for everything (``torch.use_deterministic_algorithms``) is left off: it refuses operations that
    some timm backbones need.
    """
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
