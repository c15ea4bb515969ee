"""From manifest rows to batches: dataset, sampler, transforms."""
