"""For how many methods a verdict holds, near copies counted once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.near_copies import Copies, near_copies
from rna_bench.reporting.statistics.rules import Tested, Verdict
from rna_bench.reporting.statistics.wording import seeds, seen

DIFFERING = "differing"
"""The verdict on near copies that have different ones."""


@dataclass(frozen=True)
class Judged:
    """A group's verdict on a claim, the tests that decide between no and not shown, if any, and the evidence in words."""

    group: Group
    verdict: Verdict
    tests: Tested | None
    evidence: str


def counts(baselines: Sequence[Group], judged: Sequence[Judged]) -> list[str]:
    """Return for each model, and each value of what was swept, how many methods have which verdict, and which they are.

    `baselines` are the groups without noise, which tell what is a near copy. A method judged with several scales of noise has the
    strongest of its verdicts. One method under two settings is not two methods.
    """
    by_key: dict[str, list[Judged]] = {}
    for one in judged:
        by_key.setdefault(one.group.baseline_key, []).append(one)
    by_model: dict[str, list[Group]] = {}
    for group in baselines:
        if group.baseline_key in by_key:
            several = len({other.dtype for other in baselines if other.model == group.model}) > 1
            parts = (group.model, group.dtype if several else "", group.settings)
            by_model.setdefault(", ".join(filter(None, parts)), []).append(group)
    return [f"{model}, {_line(near_copies(groups), by_key)}" for model, groups in by_model.items()]


def _line(methods: Sequence[Copies], by_key: Mapping[str, Sequence[Judged]]) -> str:
    holders: dict[str, list[str]] = {}
    for copies in methods:
        verdict, names = _together(copies, by_key)
        holders.setdefault(verdict, []).append(names)
    total = f"{len(methods)} method{'' if len(methods) == 1 else 's'}"
    order = [*(verdict.value for verdict in Verdict), DIFFERING]
    parts = [f"**{one}** for {len(held)} of {total}: {', '.join(held)}" for one in order if (held := holders.get(one))]
    tests = [one.tests for copies in methods for group in copies.groups for one in by_key[group.baseline_key] if one.tests]
    same = [one for copies in methods for group in copies.groups for one in _without_effect(by_key[group.baseline_key])]
    unchanged = f" The noise changed no answer: {', '.join(same)}." if same else ""
    return f"{_seeds(tests)}{'; '.join(parts)}.{seen(tests)}{unchanged}{_joined(methods)}"


def _without_effect(judged: Sequence[Judged]) -> list[str]:
    """Return a method's noises that changed no answer, where it is judged with others."""
    same = [one for one in judged if one.verdict is Verdict.unchanged]
    return [f"{same[0].group.method} (noise {_noises(same, judged)})"] if same and len(same) < len(judged) else []


def _together(copies: Copies, by_key: Mapping[str, Sequence[Judged]]) -> tuple[str, str]:
    """Return the verdict on near copies, and their names, each with its own verdict where they differ."""
    own = [(group.method, *_strongest(by_key[group.baseline_key])) for group in copies.groups]
    if len({verdict for _, verdict, _ in own}) == 1:
        return own[0][1].value, " with ".join(name + noise for name, _, noise in own)
    return DIFFERING, " but ".join(f"{name} {verdict.value}{noise}" for name, verdict, noise in own)


def _strongest(judged: Sequence[Judged]) -> tuple[Verdict, str]:
    """Return the strongest of a method's verdicts, and the noise that it holds for where that is not all."""
    order = list(Verdict)
    verdict = min((one.verdict for one in judged), key=order.index)
    held = [one for one in judged if one.verdict is verdict]
    return verdict, "" if len(held) == len(judged) else f" (noise {_noises(held, judged)})"


def _noises(held: Sequence[Judged], judged: Sequence[Judged]) -> str:
    """Return the labels of noises, each with its layers where not all that it was tried at are among those `held`."""
    layers, tried = _layers(held), _layers(judged)
    return ", ".join(noise if own == tried[noise] else f"{noise} at layer {_listed(own)}" for noise, own in layers.items())


def _layers(judged: Sequence[Judged]) -> dict[str, list[str]]:
    """Return the layers, as text, of each noise's label."""
    layers: dict[str, list[str]] = {}
    for one in judged:
        layer = one.group.flat.get("noise.layer")
        layers.setdefault(one.group.noise, []).append(f"{layer:g}" if isinstance(layer, float) else str(layer))
    return layers


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _seeds(tests: Sequence[Tested]) -> str:
    """Return the number of seeds that verdicts rest on; "" where nothing could be tested."""
    if not tests:
        return ""
    low, high = min(one.seeds for one in tests), max(one.seeds for one in tests)
    return f"{seeds(high) if low == high else f'{low} to {seeds(high)}'}: "


def _joined(methods: Sequence[Copies]) -> str:
    joined = [
        f"{' with '.join(group.method for group in copies.groups)} (r = {least.r:.3f}, {least.apart:.1f} points apart)"
        for copies in methods
        if (least := copies.least)
    ]
    return f" Near copies: {', '.join(joined)}." if joined else ""
