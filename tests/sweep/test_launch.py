from pathlib import Path

from rna_bench.sweep import launch


def test_hydras_internals_are_imported_by_launch_alone():
    package = Path(launch.__file__).parents[1]
    internal = ("hydra._internal", "hydra.plugins", "hydra.core.plugins")
    users = {path.relative_to(package) for path in package.rglob("*.py") if any(name in path.read_text() for name in internal)}
    assert users == {Path("sweep/launch.py")}
    assert len((package / "sweep/launch.py").read_text().splitlines()) < 250
