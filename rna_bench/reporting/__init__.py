"""Records -> numbers with intervals -> tables."""
