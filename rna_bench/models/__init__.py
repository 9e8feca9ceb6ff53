"""The transformer: loading it, running it in segments, and storing its trained tensors and activations."""
