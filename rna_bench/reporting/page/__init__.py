"""Records -> one HTML page that opens from disk: numbers as JSON, drawn by a few small scripts, without network access."""
