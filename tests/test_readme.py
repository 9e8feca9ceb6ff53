"""The README holds what it says: its numbers are the records', its method runs."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from rna_bench.reporting.tables.write import write_tables
from rna_bench.runs.record import read
from tests.builders.pocket import POCKET
from tests.comparison import differences

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


MAP = (ROOT / "rna_bench/README.md").read_text(encoding="utf-8")


def _block(language: str, text: str = README, holding: str = "") -> str:
    """Return the one block in a language of a README that holds some text, to the letter."""
    (block,) = (block for block in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL) if holding in block)
    return block


def test_committed_tables_are_what_the_published_records_give(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    for folder in sorted(Path("results/published").iterdir()):
        write_tables(folder, tmp_path / folder.name)
        committed = ROOT / "results" / "tables" / folder.name
        names = sorted(path.name for path in committed.iterdir())
        assert names == sorted(path.name for path in (tmp_path / folder.name).iterdir())
        for name in names:
            found = (tmp_path / folder.name / name).read_bytes()
            assert differences(name, found, (committed / name).read_bytes()) == [], f"{folder}/{name}"


FIGURE = r"[+-]?\d+\.\d(?: ± \d+\.\d| \[-?\d+\.\d, -?\d+\.\d\])"
"""A mean with its interval, as tables write it."""


def test_each_figure_of_the_readmes_findings_is_in_the_table_that_the_finding_names():
    findings = [line for line in README.splitlines() if line.startswith("|") and "tables.md" in line]
    assert 0 < len(findings) <= 6
    for finding in findings:
        (name,) = re.findall(r"\]\((results/tables/\w+/tables\.md)\)", finding)
        table = (ROOT / name).read_text(encoding="utf-8")
        figures = re.findall(FIGURE, finding)
        assert figures
        assert [figure for figure in figures if figure not in table] == []


def test_the_gains_that_seeds_could_have_seen_are_those_of_the_table():
    table = (ROOT / "results/tables/pocket/tables.md").read_text(encoding="utf-8")
    (said,) = re.findall(r"could have\s+seen.*?correction;", README, re.DOTALL)
    ranges = re.findall(r"\d+\.\d to \d+\.\d", said.replace("\n", " "))
    worlds = [
        match.split("\n   - ")[0] for match in re.findall(r"pocket world \d, rmu, noise 1 rms: \*\*.*?\n   - ", table, re.DOTALL)
    ]
    assert len(ranges) == 4
    assert len(worlds) == 2
    of_matched = [re.findall(r"(\S+ to \S+) points, (\S+ to \S+) after Holm", world)[-1] for world in worlds]
    assert of_matched == list(zip(ranges[:2], ranges[2:], strict=True))


def test_the_doctors_report_in_the_readme_of_conf_is_what_it_prints(tmp_path, monkeypatch):
    from rna_bench.doctor.report import diagnose

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    conf = (ROOT / "conf/README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^rna-bench doctor (model=zephyr_7b [^#]*)#", conf, re.MULTILINE)
    printed = " ".join(diagnose(command.split(), None).text.split())
    pieces = _block("", conf, "nothing here was measured").split("\n  ...\n")
    assert len(pieces) == 3
    assert [piece for piece in pieces if " ".join(piece.split()) not in printed] == []


def test_the_readme_is_short_and_its_links_lead_somewhere():
    assert len(README.splitlines()) <= 200
    for link in re.findall(r"\]\((?!http)([^)#]+)", README):
        assert (ROOT / link).exists(), link


def test_results_readme_has_the_verdicts_of_the_published_folders():
    shown = (ROOT / "results/README.md").read_text(encoding="utf-8")
    for folder in sorted((ROOT / "results/tables").iterdir()):
        verdicts = re.findall(r"^- (?:Unlearning|RNA) .*", (folder / "tables.md").read_text(encoding="utf-8"), re.MULTILINE)
        assert [line for line in verdicts if line not in shown] == [], folder.name


def test_results_readme_answers_first_which_method_to_use_as_the_tables_do():
    shown = (ROOT / "results/README.md").read_text(encoding="utf-8")
    section = shown[: shown.index("## What was found")]
    for name in ("pocket_methods", "pocket"):
        first = (ROOT / "results/tables" / name / "tables.md").read_text(encoding="utf-8").split("\n## ")[0]
        rows = [line for line in first.splitlines() if line.startswith("|")]
        assert rows
        assert "\n".join(rows) in section, name
        assert first.strip().splitlines()[-1] in section


def test_the_maps_method_runs(tmp_path, tiny, monkeypatch):
    from rna_bench.cli.main import main

    (tmp_path / "my_methods.py").write_text(_block("python", MAP, "class Zero"), encoding="utf-8")
    (tmp_path / "my_conf/method").mkdir(parents=True)
    (tmp_path / "my_conf/method/zero.yaml").write_text(_block("yaml", MAP, "my_methods.Zero"), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_methods", raising=False)  # that of another example
    asked = f"--config-dir {tmp_path / 'my_conf'} method=zero model=local model.path={tiny} train.steps=2 tracker=none"
    monkeypatch.setattr(sys, "argv", ["rna-bench", "run", *asked.split(), *POCKET, f"results_dir={tmp_path / 'runs'}"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0
    assert list((tmp_path / "runs").glob("*/record.json"))


def test_the_maps_noise_runs(tmp_path, tiny, monkeypatch):
    from rna_bench.cli.main import main

    (tmp_path / "my_noise.py").write_text(_block("python", MAP, "class Dropout"), encoding="utf-8")
    (tmp_path / "my_conf/noise").mkdir(parents=True)
    (tmp_path / "my_conf/noise/dropout.yaml").write_text(_block("yaml", MAP, "my_noise.Dropout"), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    small = "train.steps=2 tracker=none preset=pocket_rmu"
    given = f"--config-dir {tmp_path / 'my_conf'} noise=dropout model=local model.path={tiny} {' '.join(POCKET)} {small}"
    monkeypatch.setattr(sys, "argv", ["rna-bench", "run", *given.split(), f"results_dir={tmp_path / 'runs'}"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0
    (path,) = (tmp_path / "runs").glob("*/record.json")
    record = read(path)
    assert record.config["noise"] == {"_target_": "my_noise.Dropout", "scale": 0.1, "layer": 1}
    assert record.losses[0].retain > 0  # without noise it is 0: policy and reference are the same


def test_the_map_names_the_packages_and_the_files_that_there_are():
    rows = re.findall(r"^\| (\d) \| `(\w+)` \|.*\| (`.*`) \|$", MAP, re.MULTILINE)
    packages = {path.name for path in (ROOT / "rna_bench").iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert {package for _, package, _ in rows} == packages
    assert len(packages) == 12
    for _, package, first in rows:
        assert all((ROOT / "rna_bench" / package / name).exists() for name in re.findall(r"`([^`]+)`", first))
    named = set(re.findall(r"`((?:unlearning|data|runs|reporting|tests|conf|experiment|evaluation)/[\w/.]*)`", MAP))
    assert named
    for name in named:
        assert (ROOT / "rna_bench" / name).exists() or (ROOT / name).exists() or "NAME" in name, name


def test_the_floors_of_the_map_are_those_of_the_contract():
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"][0]
    layers = [{name.strip().removeprefix("rna_bench.") for name in layer.split("|")} for layer in reversed(contract["layers"])]
    floors = re.findall(r"^\| (\d) \| `(\w+)` \|", MAP, re.MULTILINE)
    assert [{package for floor, package in floors if int(floor) == number} for number in range(1, len(layers) + 1)] == layers
    assert len(layers) == 7
    assert "ignore_imports" in contract
    assert contract["ignore_imports"] == ["rna_bench -> rna_bench.reporting.results"]


def test_old_import_paths_still_work_for_one_release():
    from rna_bench.unlearning import losses, retain, retain_losses

    assert retain.HiddenMSE is retain_losses.HiddenMSE
    assert losses.npo_loss
