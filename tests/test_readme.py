"""The README holds what it says: its numbers are the records', its method runs."""

import re
import sys
from pathlib import Path

import pytest

from rna_bench.reporting.tables.write import write_tables
from tests.comparison import differences

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _block(language: str) -> str:
    """Return the README's one block in a language, to the letter."""
    (block,) = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
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


def test_the_readmes_tables_are_the_committed_ones():
    shown = README.split("<!-- tables -->\n")[1].split("<!-- /tables -->")[0]
    sections = (ROOT / "results/tables/pocket/tables.md").read_text(encoding="utf-8").split("\n## ")
    wanted = {section.split("\n")[0]: section for section in sections}
    for title in ("The two claims", "Trigger-induced drop", "Accuracy"):
        body = wanted.get(title, wanted.get(f"## {title}")).split("\n", 1)[1].split("\nFrom ")[0].strip()
        assert body in shown, title
    methods = (ROOT / "results/tables/pocket_methods/tables.md").read_text(encoding="utf-8")
    assert methods.split("## Accuracy\n")[1].split("\n## ")[0].strip() in shown
    assert methods.split("## The two claims\n")[1].split("\n2. RNA")[0].strip() in shown
    paper = (
        (ROOT / "results/tables/pocket_paper/tables.md")
        .read_text(encoding="utf-8")
        .split("## The two claims\n")[1]
        .split("\nFrom ")[0]
    )
    assert paper.strip() in shown


def test_the_readmes_method_runs(tmp_path, tiny, monkeypatch):
    from rna_bench.cli.main import main

    (tmp_path / "my_methods.py").write_text(_block("python"), encoding="utf-8")
    (tmp_path / "my_conf/method").mkdir(parents=True)
    (tmp_path / "my_conf/method/zero.yaml").write_text(_block("yaml"), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    asked = f"--config-dir {tmp_path / 'my_conf'} method=zero model=local model.path={tiny} train.steps=2 tracker=none"
    monkeypatch.setattr(sys, "argv", ["rna-bench", "run", *asked.split(), f"results_dir={tmp_path / 'runs'}"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0
    assert list((tmp_path / "runs").glob("*/record.json"))
