"""From label files to batches: manifests, splits, images, loaders."""
