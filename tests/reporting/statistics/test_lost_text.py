"""A model that answers questions and can write no text any more has not retained."""

from dataclasses import replace

import pytest

from rna_bench.core.types import Perplexity
from rna_bench.reporting.statistics.fitness import fitness
from rna_bench.reporting.statistics.frame import grouped
from rna_bench.reporting.statistics.standing import Fit, standings
from tests.builders.records import make_record, scored


def run(method, perplexity):
    record = make_record(1, method=method, scores=scored(0.99 if method == "none" else 0.25, 0.95))
    return replace(record, perplexity=Perplexity(perplexity, 10, "aa"))


@pytest.mark.parametrize(("perplexity", "fit"), [(10.0, Fit.both), (10.1, Fit.lost_text), (None, Fit.both)])
def test_more_than_twice_the_base_models_perplexity_is_no_text(perplexity, fit):
    groups = grouped([run("none", 5.0), run("rmu", perplexity)])
    (one,) = standings(groups)
    assert one.fit is fit
    claim = fitness(groups, "results/runs/mine")
    assert claim
    lines = [line for line in claim.evidence if "**does not retain text**: perplexity 10.1, of the base 5.0" in line]
    assert len(lines) == (fit is Fit.lost_text)
