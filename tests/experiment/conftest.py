import sys

import pytest

from rna_bench.cli.main import main


@pytest.fixture(scope="module")
def monkeymodule():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def say(monkeymodule):
    """Run the command line in this process and return its exit code."""
    for name in ("HF_HUB_OFFLINE", "HYDRA_FULL_ERROR"):
        monkeymodule.setenv(name, "1")

    def go(*words: object) -> int:
        monkeymodule.setattr(sys, "argv", ["rna-bench", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(str(ended.value.code))

    return go
