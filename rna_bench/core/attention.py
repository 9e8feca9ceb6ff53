"""How attention is computed, and what a reference model attends to. No torch."""

from enum import Enum


class AttentionKernel(Enum):
    """The implementation in transformers. Hidden states at padded positions depend on it; at all others they agree to rounding."""

    eager = "eager"
    sdpa = "sdpa"


class ReferenceAttention(Enum):
    """What the reference model attends to where its predictions are read and padding is on the left.

    `masked`: as the policy, to no padding. `unmasked`: to padding as well, as in the released code of arXiv 2501.19202, which gives
    the reference model of preference methods no attention mask. Hidden states that steering methods read are masked in both.
    """

    masked = "masked"
    unmasked = "unmasked"
