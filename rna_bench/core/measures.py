"""Types of what a run measures beside its questions."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Perplexity:
    """The model's perplexity on held-out retain text: exp of the mean negative log-likelihood of its tokens.

    The first token of each text is left out; `value` is None where it is not finite. `text` is the fingerprint of the texts:
    perplexities on different texts do not compare.
    """

    value: float | None
    tokens: int
    text: str
