"""One file a forget loss. To add a method, write a frozen dataclass as in rmu.py, which reads hidden states, or npo.py."""
