"""What every other package may use: types, seeds, files, the hub's cache. Nothing here imports torch or another of our packages."""
