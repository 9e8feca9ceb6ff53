from collections.abc import Callable
from dataclasses import replace

import pytest

from rna_bench.sweep.search.plan import SearchPlan, plan_search


@pytest.fixture(scope="session")
def composed() -> SearchPlan:
    return plan_search("pocket", ["seed=3"])


@pytest.fixture
def make_plan(composed, tmp_path) -> Callable[..., SearchPlan]:
    """The search of pocket.yaml, in its own folder of results, with other values of some settings."""

    def make(into: str = "results", **settings) -> SearchPlan:
        base = replace(composed.base, results_dir=tmp_path / into)
        (tmp_path / into).mkdir(exist_ok=True)
        return replace(composed, base=base, search=replace(composed.search, **settings))

    return make
