"""One file for each forget loss. To add a method, write a frozen dataclass as in rmu.py (hidden states) or npo.py (likelihoods)."""
