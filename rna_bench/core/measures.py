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


@dataclass(frozen=True)
class Generation:
    """What a model writes after the beginnings of `n` held-out texts: `clean`, or with a `control` or `trigger` word in them.

    `perplexity` of the continuations under the base model; `repetition`, the share of their 4-grams that they have had before;
    `agreement`, the share of tokens that are those of the base model's continuation of the same beginning. They are None where
    nothing was written, or numbers are not finite.
    """

    perturbation: str
    n: int
    perplexity: float | None
    repetition: float | None
    agreement: float | None
