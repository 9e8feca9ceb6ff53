"""One run from its configuration to its record: load, train, evaluate, record."""
