"""Asking: questions and their perturbed forms -> log-likelihoods -> scores."""
