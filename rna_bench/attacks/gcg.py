"""GCG: one suffix of tokens, learned on questions about some of the forgotten facts, ends every question, before its options.

Zou et al., "Universal and Transferable Adversarial Attacks on Aligned Language Models" (arXiv 2307.15043, algorithm 2); against
unlearning, as a prefix, Łucki et al., "An Adversarial Perspective on Machine Unlearning for AI Safety" (arXiv 2409.18025). nanoGCG
0.3 learns on one prompt alone and needs transformers 4, so this is ours. Deviations: all prompts count from the first step on,
not one more whenever a suffix works; a suffix stays until a better one is found, so that the loss never rises; the target is the
letter of the answer. The suffix is token ids, never made text and encoded again. It comes before the options: after them its
place would be between the last option and "Answer:", where any words at all make pocket's base model forget what it was asked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from random import Random
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedModel

from rna_bench.attacks.cost import AttackCost
from rna_bench.attacks.protocol import AttackStage, AttackText, Target, TextKind, TextSide, check_rising
from rna_bench.core.types import InputError, Response
from rna_bench.data.batches import pad
from rna_bench.evaluation.requests import EvalSet
from rna_bench.evaluation.suffixes import Suffix, SuffixPlaces, solved_places, suffix_places
from rna_bench.models.loading import context_length


@dataclass(frozen=True)
class GCG:
    """Learn a suffix of so many `tokens` on so many `prompts`, and judge after each number of `steps`; 0 is without a suffix.

    A step tries `candidates`: suffixes with another token in one place, one of the `top_k` that the gradient favours there.
    `batch_size` prompts are in one backward pass.
    """

    facts: int
    prompts: int
    tokens: int
    steps: list[int]
    top_k: int
    candidates: int
    batch_size: int

    def __post_init__(self) -> None:
        check_rising("steps", self.steps, "steps")
        for key in ("facts", "prompts", "tokens", "top_k", "candidates", "batch_size"):
            if vars(self)[key] < 1:
                raise InputError(f"attack.*.{key}", vars(self)[key], "give 1 or more")

    def cost(self) -> AttackCost:
        """Return what it takes: a step runs each candidate before each prompt, and each prompt forward and backward."""
        return AttackCost(len(self.steps), prompts=self.steps[-1] * self.prompts * (self.candidates + 3), backward=self.batch_size)

    def stages(self, target: Target, text: AttackText, random: Random) -> Iterator[AttackStage]:
        """Yield a stage after each number of steps, with the suffix that was found."""
        known = text.of(TextKind.questions, TextSide.retaught)
        prompts = solved_places(random.sample(known, min(self.prompts, len(known))), target.tokenizer)
        search = SuffixSearch(target, prompts, ordinary_tokens(target), self.top_k, self.candidates, self.batch_size)
        best = search.first(self.tokens)
        for start, end in pairwise([0, *self.steps]):
            for _ in range(start, end):
                best = search.improved(best, random)
            yield _stage(target, best, end) if end else AttackStage(0, "", target.ask)


def _stage(target: Target, best: "Scored", steps: int) -> AttackStage:
    words = " ".join(target.tokenizer.convert_ids_to_tokens(list(best.suffix)))
    return AttackStage(
        steps, "", partial(_ask, target, best.suffix), {"suffix": list(best.suffix), "tokens": words, "loss": best.loss}
    )


def _ask(target: Target, suffix: Suffix, eval_set: EvalSet) -> list[Response]:
    context = context_length(target.model, target.tokenizer)
    return target.ask(suffix_places(eval_set, target.tokenizer).with_suffix(suffix, context))


class Scored(NamedTuple):
    """A suffix, and the mean negative log-likelihood of the right letters after it, in nats."""

    suffix: Suffix
    loss: float


@dataclass(frozen=True)
class SuffixSearch:
    """The search for a suffix, of the tokens `allowed` (n), that makes the right letters of `prompts` likely."""

    target: Target
    prompts: SuffixPlaces
    allowed: Tensor
    top_k: int
    candidates: int
    batch_size: int

    def first(self, tokens: int) -> Scored:
        """Return the suffix of "!" alone that the paper begins with, or of the first token allowed."""
        mark = self.target.tokenizer("!")["input_ids"][-1]
        token = mark if mark in self.allowed else int(self.allowed[0])
        return self.scored([(token,) * tokens])[0]

    def improved(self, best: Scored, random: Random) -> Scored:
        """Return the best of the candidates, or the suffix itself where none is better."""
        return min(best, *self.scored(self.drawn(best.suffix, random)), key=lambda one: one.loss)

    def drawn(self, suffix: Suffix, random: Random) -> list[Suffix]:
        """Return suffixes that differ in a random place, where they have a random one of the tokens favoured there."""
        slopes = token_gradient(self.target.model, self.prompts, suffix, self.batch_size)[:, self.allowed]
        favoured = self.allowed[slopes.topk(min(self.top_k, len(self.allowed)), largest=False).indices].tolist()
        places = random.choices(range(len(suffix)), k=self.candidates)
        swaps = dict.fromkeys((place, random.choice(favoured[place])) for place in places)
        return [(*suffix[:place], token, *suffix[place + 1 :]) for place, token in swaps]

    def scored(self, suffixes: Sequence[Suffix]) -> list[Scored]:
        """Return each suffix with its loss, which the model's own scorer reads: it runs what prompts share once."""
        asked = [self.prompts.with_suffix(suffix) for suffix in suffixes]
        responses = self.target.ask(EvalSet(tuple(request for one in asked for request in one.requests), asked[0].letters))
        losses = torch.tensor([-one.logps[one.correct] for one in responses]).view(len(suffixes), -1).mean(dim=1)
        return [Scored(suffix, loss) for suffix, loss in zip(suffixes, losses.tolist(), strict=True)]


def ordinary_tokens(target: Target) -> Tensor:
    """Return the ids (n) of tokens that are printable ASCII and not special, which the paper's code allows, too."""
    tokenizer, size = target.tokenizer, target.model.config.get_text_config().vocab_size
    special = {*tokenizer.all_special_ids, *(number for number, token in tokenizer.added_tokens_decoder.items() if token.special)}
    texts = enumerate(tokenizer.batch_decode([[number] for number in range(min(size, len(tokenizer)))]))
    plain = [number for number, text in texts if number not in special and text.strip() and text.isascii() and text.isprintable()]
    return torch.tensor(plain, device=target.model.device)


def token_gradient(model: PreTrainedModel, prompts: SuffixPlaces, suffix: Suffix, batch_size: int) -> Tensor:
    """Return the slopes (s, v) of the loss in the direction of each token at each place of the suffix, summed over prompts.

    They are gradients of a one-hot code of the suffix, each prompt's and place's scaled to unit length, as in the paper's code.
    """
    embed = model.get_input_embeddings()
    with torch.no_grad():
        table = embed(torch.arange(model.config.get_text_config().vocab_size, device=model.device)).float()
    total = torch.zeros(len(suffix), len(table), device=model.device)
    asked, after = prompts.with_suffix(suffix), torch.tensor(prompts.after, device=model.device)
    for start in range(0, len(asked.requests), batch_size):
        part = slice(start, start + batch_size)
        slopes = _embedding_gradient(model, EvalSet(asked.requests[part], asked.letters), after[part], len(suffix)) @ table.T
        total += (slopes / slopes.norm(dim=-1, keepdim=True).clamp_min(1e-30)).sum(dim=0)
    return total


def _embedding_gradient(model: PreTrainedModel, asked: EvalSet, after: Tensor, tokens: int) -> Tensor:
    """Return the gradient (b, s, d), in fp32, of the right letters' negative log-likelihoods by the suffix's embeddings."""
    ids = pad([request.ids for request in asked.requests], model.device).input_ids
    ends = torch.tensor([len(request.ids) for request in asked.requests], device=model.device)
    right = torch.tensor([asked.letters[request.correct] for request in asked.requests], device=model.device)
    embeddings = model.get_input_embeddings()(ids).detach().requires_grad_()
    kept, column = torch.unique(ends - 1, return_inverse=True)
    logits = model(inputs_embeds=embeddings, use_cache=False, logits_to_keep=kept).logits
    rows = torch.arange(len(ends), device=model.device)
    loss = torch.nn.functional.cross_entropy(logits[rows, column].float(), right, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, embeddings)
    places = (ends - after - tokens)[:, None] + torch.arange(tokens, device=model.device)
    return gradient[rows[:, None], places].float()
