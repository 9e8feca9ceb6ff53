"""The pocket leg: a fictional world, and a small model that knows it."""
