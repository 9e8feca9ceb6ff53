import pytest

from rna_bench.core.types import InputError
from rna_bench.sweep.search.space import Choices, Range, override


def test_a_range_has_both_ends_and_the_scale_that_is_asked_for():
    distribution = Range("noise.scale", 0.1, 8.0, log=True).distribution()
    assert (distribution.low, distribution.high, distribution.log) == (0.1, 8.0, True)
    whole = Range("noise.layer", 0.0, 7.0, whole=True).distribution()
    assert (whole.low, whole.high, whole.step) == (0, 7, 1)


def test_probes_are_a_ranges_ends_and_all_choices():
    assert Range("noise.layer", 0.0, 7.0, whole=True).probes == [0, 7]
    assert Range("noise.scale", 0.5, 2.0).probes == [0.5, 2.0]
    assert Choices("method", ["rmu", "rsv"]).probes == ["rmu", "rsv"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"low": 2, "high": 1}, "2 to 1: is no range"),
        ({"low": float("nan"), "high": 1}, "nan to 1: is no range"),
        ({"low": 0, "high": 1, "log": True}, "0: has no logarithm"),
        ({"low": 0, "high": 1.5, "whole": True}, "0 to 1.5: are not whole"),
        ({"low": 0, "high": float("inf")}, "0 to inf: is no range"),
    ],
)
def test_a_range_of_nothing_is_refused(settings, message):
    with pytest.raises(InputError, match=rf"search\.space \(noise\.scale\)={message}"):
        Range("noise.scale", **{key: float(value) if key in ("low", "high") else value for key, value in settings.items()})


@pytest.mark.parametrize("choices", [[], [[1, 2]], [{"a": 1}]])
def test_choices_are_plain_values(choices):
    with pytest.raises(InputError, match=r"search\.space \(method\)"):
        Choices("method", choices)


def test_an_override_loses_no_digit_and_quotes_words():
    scale = Range("noise.scale", 0.0, 1.0)
    assert override(scale, 0.1 + 0.2) == "noise.scale=0.30000000000000004"
    assert override(scale, 1e-05) == "noise.scale=1e-05"
    assert override(Choices("keep_delta", [True]), True) == "keep_delta=true"
    assert override(Choices("method", ["rmu"]), "rmu") == 'method="rmu"'
