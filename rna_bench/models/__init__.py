"""The transformer: where it comes from, how it is run, and the noise put into it."""
