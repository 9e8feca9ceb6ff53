"""The adversary of latent adversarial training (LAT, arXiv 2407.15549): it moves hidden states so that forget text comes back.

As in the released code (github.com/aengusl/latent-adversarial-training, as read in a copy at 303ef74), the move starts at 0, AdamW
with PyTorch's weight decay lowers the cross-entropy of the forget text, and after each update every token's move is scaled back to
the radius, an L2 norm. Deviations: cross-entropies are added up, not averaged, so that no text's move depends on which others it is
batched with (Adam is blind to the scale but for its epsilon); and there, the same move, position by position, must also make retain
text unlikely, although no loss of the model is ever taken so.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.noise import NO_NOISE, Edits, NoisedModel, Side


def with_adversary(passes: Passes, layer: int, radius: float, steps: int, lr: float) -> Passes:
    """Return these passes with the adversary's move at the output of `layer`; as they are, if it has no steps or no room."""
    return with_move(passes, layer, adversarial_move(passes, layer, radius, steps, lr)) if radius and steps else passes


@torch.enable_grad()
def adversarial_move(passes: Passes, layer: int, radius: float, steps: int, lr: float) -> Tensor:
    """Return the move (b, t, d) in fp32 that makes forget text likely to the policy, without noise, found in so many steps."""
    quiet = replace(passes, noise=NO_NOISE)
    move = torch.zeros(*passes.forget_batch.input_ids.shape, passes.width, device=passes.policy.device, requires_grad=True)
    optimizer = torch.optim.AdamW([move], lr=lr)
    for _ in range(steps):
        nll = with_move(quiet, layer, move).forget_nll
        (move.grad,) = torch.autograd.grad((nll.values * nll.mask).sum(), move)  # the weights get no gradient
        optimizer.step()
        _scale_back(move, radius)
    return move.detach()


@torch.no_grad()
def _scale_back(move: Tensor, radius: float) -> None:
    """Scale what is longer than the radius back to it, token by token."""
    move.div_((move.norm(dim=-1, keepdim=True) / radius).clamp(min=1))


def with_move(passes: Passes, layer: int, move: Tensor) -> Passes:
    """Return these passes with `move` (b, t, d) added to the policy's hidden states of forget inputs at the output of `layer`.

    It is added where the mask is 1, and to what noise has made of them. Nothing is shared with the passes without it.
    """
    moved = partial(_add, move * passes.forget_batch.mask[..., None])
    return replace(passes, noise=_Moved(passes.noise, layer, moved), capture=False, memo={})


def _add(move: Tensor, hidden: Tensor) -> Tensor:
    return hidden + move.to(hidden)


@dataclass(frozen=True)
class _Moved:
    """Edits, and one more of the policy on forget inputs."""

    others: Edits
    layer: int
    edit: Callable[[Tensor], Tensor]

    @property
    def draw(self) -> int:
        return self.others.draw

    def edits(self, model: NoisedModel, side: Side) -> dict[int, Callable[[Tensor], Tensor]]:
        """Return the edits by layer, from the lowest."""
        edits = self.others.edits(model, side)
        if (model, side) != (NoisedModel.policy, Side.forget):
            return edits
        before = edits.get(self.layer)
        here = self.edit if before is None else lambda hidden: self.edit(before(hidden))
        return dict(sorted((edits | {self.layer: here}).items()))
