"""A user's own method, as rna_bench/README.md shows it, in a folder outside the package: from doctor to report."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rna_bench
from rna_bench.cli.main import main

ROOT = Path(__file__).parents[1]
MAP = (ROOT / "rna_bench/README.md").read_text(encoding="utf-8")
LEAST = "train.steps=4 scoring.every=2 scoring.questions=4 corpus.texts=64 threads=1"
FEW = " ".join(f"dataset.{name}.limit=8" for name in ("pocket_hazard_1", "pocket_hazard_2", "pocket_subjects"))
SMALL = f"{LEAST} {FEW}".split()


def _block(holding: str) -> str:
    (block,) = (block for block in re.findall(r"```\w+\n(.*?)```", MAP, re.DOTALL) if holding in block)
    return block


@pytest.fixture
def user(tmp_path) -> Path:
    """A user's folder with the map's method, its configuration, and its sweep."""
    (tmp_path / "my_conf/method").mkdir(parents=True)
    (tmp_path / "my_methods.py").write_text(_block("class Ascent"), encoding="utf-8")
    (tmp_path / "my_conf/method/ascent.yaml").write_text(_block("my_methods.Ascent"), encoding="utf-8")
    (tmp_path / "my_sweep.yaml").write_text(_block("method: 'none,ascent'"), encoding="utf-8")
    return tmp_path


def test_the_maps_method_is_run_tabulated_and_drawn(user, monkeypatch, capsys):
    monkeypatch.chdir(user)
    monkeypatch.syspath_prepend(str(user))
    monkeypatch.delitem(sys.modules, "my_methods", raising=False)  # that of another example

    def rna_bench_(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["rna-bench", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        assert ended.value.code == 0, shown.err
        return shown.out + shown.err

    own = ["--config-dir", "my_conf", "method=ascent", "noise=rna", "tracker=none", *SMALL]
    assert "pocket world 0, ascent_kl noise 0.3 rms, seed 0: finished" in rna_bench_("run", *own)
    (user / "my_methods.py").write_text(f"{_block('class Ascent')}\n# changed\n", encoding="utf-8")
    os.utime(user / "my_methods.py", (2e9, 2e9))
    assert "warning: my_methods.py was changed after results/runs/" in rna_bench_("run", *own)
    assert rna_bench_("tables").splitlines()[-1] == "results/runs/tables/tables.md"
    shown = (user / "results/runs/tables/tables.md").read_text(encoding="utf-8")
    (row,) = [line for line in shown.splitlines() if "| ascent_kl | 0.3 rms" in line][:1]
    heads = next(line for line in shown.splitlines() if line.startswith("|") and "forget loss" in line).split("|")
    assert float(row.split("|")[[head.strip() for head in heads].index("forget loss")]) < 0
    figures = rna_bench_("figures")
    assert "](losses.png)" in figures
    rna_bench_("report", "results/runs")
    assert "ascent_kl" in (user / "results/runs/report.html").read_text(encoding="utf-8")


@pytest.fixture
def command(user):
    """Run `rna-bench` as a process of its own in the user's folder; return what it prints."""

    def rna_bench_(*words: str) -> str:
        program = [sys.executable, "-c", "from rna_bench.cli.main import main; main()", *words]
        place = {**os.environ, "PYTHONPATH": f"{user}{os.pathsep}{ROOT}", "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(program, cwd=user, env=place, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        return done.stdout + done.stderr

    return rna_bench_


def _check_tables(tables: str) -> None:
    """Check the rows of the method: forget losses below 0, and an interval in every cell."""
    accuracy = tables.split("## Accuracy\n")[1].split("\n## ")[0]
    rows = [line for line in accuracy.splitlines() if line.startswith("|") and "ascent_kl" in line]
    assert [re.split(r"\s*\|\s*", row)[4] for row in rows] == ["0", "0.3 rms"]
    assert all(re.search(r"\| -\d+\.\d ± \d+\.\d +\|", row) for row in rows), "forget losses and their intervals"
    assert all(re.search(r"±|\[", cell) for row in rows for cell in row.split("|")[6:-1]), "an interval in every cell"
    assert "| ascent_kl | 0.3 rms | 2 | forgetting |" in re.sub(" +", " ", tables)


@pytest.mark.slow
def test_the_maps_method_goes_all_the_way_by_the_command_line(user, command):
    own = ["--config-dir", "my_conf", "method=ascent"]
    doctor = command("doctor", *own, *SMALL)
    assert "ascent on likelihoods (temperature 1.0), retain loss KL x 1" in " ".join(doctor.split())
    assert "nothing is missing" in doctor
    for retain in ("kl", "none"):
        run = command("run", *own, "noise=none", f"retain={retain}", "tracker=none", *SMALL)
        assert f"pocket world 0, ascent_{retain}, seed 0: finished" in run
    sweep = ["sweep", "my_sweep.yaml", "--config-dir", "my_conf", *SMALL, "seed=1,2"]
    assert "6 done of 6" in command(*sweep)
    assert "6 done of 6" in command(sweep[0], *sweep[2:4], sweep[1], *sweep[4:])
    assert "6 done of 6" in command("status", "my_sweep.yaml")
    assert "ascent_kl" in command("tables", "my_sweep")
    _check_tables((user / "results/runs/my_sweep/tables/tables.md").read_text(encoding="utf-8"))
    assert "ascent_kl" in (user / "results/runs/my_sweep/tables/accuracy.csv").read_text(encoding="utf-8")
    command("figures", "my_sweep")
    command("report", "my_sweep")
    assert "ascent_kl" in (user / "results/runs/my_sweep/report.html").read_text(encoding="utf-8")
    grid = ["method.temperature=0.5,1,2", "noise=none", "seed=1,2", "tracker=none", "results_dir=results/runs/grid"]
    command("run", "-m", *own, *SMALL, *grid)
    assert "method.temperature=0.5" in command("tables", "grid")
    assert "](method_temperature.png)" in command("figures", "grid")
    frame = rna_bench.load_results(str(user / "results/runs/my_sweep"))
    unlearned = frame[frame.method == "ascent_kl"]
    assert set(unlearned.noise) == {"0", "0.3 rms"}
    assert (unlearned.forget_loss < 0).all()
    assert set(frame.method) == {"none", "ascent_kl"}
    folder = Path(unlearned.folder.iloc[0])
    command("export", "run", str(folder if folder.is_absolute() else user / folder), "checkpoint")
    assert "- Method: ascent_kl (temperature 1.0)" in (user / "checkpoint/README.md").read_text(encoding="utf-8")
    command("export", "lm-eval", "tasks", "--config-dir", "my_conf", "dataset.pocket_subjects.limit=8")
    assert (user / "tasks/README.md").exists()


def test_figures_of_a_users_method_keep_its_colour():
    from rna_bench.reporting.figures.style import METHOD_STYLES, style_of

    alone = style_of("ascent_kl", ["ascent_kl"])
    assert style_of("ascent_kl", ["none", "zero", "ascent_kl", *METHOD_STYLES]) == alone
    assert (alone.marker, alone.colour) not in {(style.marker, style.colour) for style in METHOD_STYLES.values()}
    assert len({(style.marker, style.colour) for style in METHOD_STYLES.values()}) == len(METHOD_STYLES) == 17
