"""Label files of every supported layout, and the manifest that they become."""
