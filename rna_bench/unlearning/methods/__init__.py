"""One file a forget loss. To add a method, write a frozen dataclass with `layer`, `target` and `forget_loss`: see rmu.py."""
