"""Making a model forget: losses, methods, and the loop that trains with them."""
