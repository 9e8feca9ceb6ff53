"""Attacks that recover what a model has unlearned, one file each; none imports another."""
