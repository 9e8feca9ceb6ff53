from importlib.util import find_spec

import pytest

from rna_bench.core.types import InputError
from rna_bench.runs.tracking import Trackio
from tests.runs.tracked_run import CONFIG, CURVE, InterruptedRunError, about, log_curve

pytestmark = pytest.mark.skipif(find_spec("trackio") is None, reason="trackio is not installed")


@pytest.fixture(scope="module", autouse=True)
def database(tmp_path_factory):
    """A separate database: trackio reads its place when it is imported."""
    folder = tmp_path_factory.mktemp("trackio")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACKIO_DIR", str(folder))
        import trackio.utils

        assert folder == trackio.utils.TRACKIO_DIR
        yield folder


def rows_of(project: str) -> dict[str, list[dict]]:
    """Return the rows of each run of a project, less trackio's timestamps."""
    from trackio.sqlite_storage import SQLiteStorage

    runs = SQLiteStorage.get_run_records(project)
    rows = {run["name"]: SQLiteStorage.get_logs(project, run_id=run["id"]) for run in runs}
    assert len(rows) == len(runs)
    return {
        name: [{k: v for k, v in row.items() if k not in ("timestamp", "log_id")} for row in logs] for name, logs in rows.items()
    }


WHOLE = [{"step": step, **values} for step, values in CURVE] + [{"step": CURVE[-1][0], "status": "finished", "mmlu/clean": 0.5}]


def test_several_runs_are_kept_beside_each_other_silently(tmp_path, capsys):
    tracker = Trackio("several", "a_sweep")
    for name in ("one", "two"):
        log_curve(tracker, tmp_path, name)
    assert rows_of("several") == {about(name).name: WHOLE for name in ("one", "two")}
    assert capsys.readouterr() == ("", "")


def test_config_group_job_type_and_tags_are_kept(tmp_path):
    from trackio.sqlite_storage import SQLiteStorage

    log_curve(Trackio("config", "a_sweep"), tmp_path)
    config = SQLiteStorage.get_run_config("config", about("abc").name)
    assert CONFIG.items() <= config.items()
    seen = (config["_Group"], config["identity"], config["job_type"], config["tags"])
    assert seen == ("a_sweep", "abc", "unlearn", ["pocket", "rmu"])


@pytest.mark.parametrize("steps", [0, 5])
def test_an_interrupted_run_goes_on_as_the_same_run(tmp_path, steps):
    tracker = Trackio(f"interrupted-{steps}", "")
    with pytest.raises(InterruptedRunError):
        log_curve(tracker, tmp_path, steps=steps)
    log_curve(tracker, tmp_path)
    assert rows_of(f"interrupted-{steps}") == {about("abc").name: WHOLE}


def test_a_table_is_kept(tmp_path):
    with Trackio("tables", "").session(tmp_path, about("abc")) as session:
        session.table("subjects", ("group", "accuracy"), [["law", 0.5], ["anatomy", 0.25]])
    ((row,),) = rows_of("tables").values()
    assert row["subjects"]["_value"] == [{"group": "law", "accuracy": 0.5}, {"group": "anatomy", "accuracy": 0.25}]


def test_without_the_extra_its_name_is_said_before_anything_begins(monkeypatch):
    monkeypatch.setattr("rna_bench.runs.tracking.trackio_tracker.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"tracker=trackio: is not installed; say: pip install 'rna_bench\[trackio\]'"):
        Trackio("p", None)
