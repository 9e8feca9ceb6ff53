"""Evaluation: questions become requests, requests log-likelihoods, and these scores."""
