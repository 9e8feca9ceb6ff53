from collections.abc import Callable
from dataclasses import replace

import pytest

from rna_bench.sweep.search.plan import SearchPlan, plan_search


@pytest.fixture(scope="session")
def composed() -> SearchPlan:
    return plan_search("pocket", ["seed=3"])


@pytest.fixture
def asked(composed, tmp_path) -> Callable[..., SearchPlan]:
    """The search of pocket.yaml, in a folder of results of its own, with some of its settings otherwise."""

    def make(into: str = "results", **settings) -> SearchPlan:
        base = replace(composed.base, results_dir=tmp_path / into)
        (tmp_path / into).mkdir(exist_ok=True)
        return replace(composed, base=base, search=replace(composed.search, **settings))

    return make
