"""A fictional world and a small model that knows it, for experiments on a laptop."""
