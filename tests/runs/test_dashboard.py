import json
import re
from importlib.util import find_spec

import pytest

from rna_bench.cli.main import main
from rna_bench.core.types import InputError
from rna_bench.runs.tracking.dashboard.command import create_dashboard
from tests.runs.wandb_server import Server

pytestmark = pytest.mark.skipif(find_spec("wandb_workspaces") is None, reason="wandb-workspaces is not installed")
RANDOM = re.compile(r'"(__id__|id)": "\w*"')
"""Identifiers of panels and run sets, which W&B's library draws at random."""


@pytest.fixture(autouse=True)
def no_key(monkeypatch, tmp_path):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))


def specification() -> list[dict]:
    from rna_bench.runs.tracking.dashboard.specification import make_dashboard, specifications

    return specifications(make_dashboard("E", "P", ["none", "rmu"]))


def plain(spec: object) -> str:
    return RANDOM.sub("", json.dumps(spec, sort_keys=True))


def test_the_specification_is_valid_and_the_same_each_time():
    one, two = (plain(specification()) for _ in range(2))
    assert one == two
    assert len(one) > 10_000


def test_the_report_has_the_panels_of_the_workspace_and_runs_by_method():
    workspace, report = specification()
    sections = workspace["spec"]["section"]["panelBankConfig"]["sections"]
    grids = [block["metadata"] for block in report["spec"]["blocks"] if block["type"] == "panel-grid"]
    in_sections = [[panel["config"] for panel in section["panels"]] for section in sections]
    assert in_sections == [[panel["config"] for panel in grid["panelBankSectionConfig"]["panels"]] for grid in grids]
    assert [runs["name"] for runs in grids[0]["runSets"]] == ["none", "rmu"]


def test_every_panel_that_limits_its_runs_shows_those_of_the_largest_sweep():
    workspace, report = specification()
    assert workspace["spec"]["section"]["settings"]["maxRuns"] == 1000
    for spec in (workspace, report):
        text = json.dumps(spec)
        panels = text.count('"viewType": "Run History Line Plot"') + text.count('"viewType": "Bar Chart"')
        assert panels
        assert text.count('"limit": 1000') == panels


def test_without_a_key_the_command_says_what_it_would_create_and_ends_well(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["rna-bench", "dashboard", "--entity", "E", "--project", "P"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("workspace `rna_bench` and report `Unlearning and triggers` in E/P:\n  Trade-off: ")
    assert text.endswith("nothing was sent (no key: set WANDB_API_KEY or say `wandb login`); the specification is valid\n")


def test_a_dry_run_sends_nothing_with_a_key_either(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # nobody is there
    assert create_dashboard("E", "P", ["rmu"], dry=True).endswith("nothing was sent (--dry-run); the specification is valid")


def test_without_the_extra_its_name_is_said(monkeypatch):
    monkeypatch.setattr("rna_bench.runs.tracking.dashboard.command.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'rna_bench\[dashboard\]'"):
        create_dashboard("E", "P", ["rmu"], dry=True)


class Saving(Server):
    """A server that takes views, too."""

    def graphql(self, name: str, given: dict) -> dict:
        if "upsertView(" in name:
            self.views.append(given)
            project = {"id": "p", "name": given["projectName"], "entityName": given["entityName"]}
            stored = {"id": "V1", "user": {"id": "u", "username": "me"}, "createdAt": "2026-01-01", "updatedAt": "2026-01-01"}
            view = {
                **stored,
                "project": project,
                **{key: given[key] for key in ("name", "type", "description", "displayName", "spec")},
            }
            return {"upsertView": {"view": view, "inserted": True}}
        if "query GetProjects" in name:
            return {"models": {"pageInfo": {"endCursor": None, "hasNextPage": False}, "edges": []}}
        if "mutation CreateProject" in name:
            return {"result": {"inserted": True, "project": {"id": "p", "name": "P", "entityName": "E"}}}
        return super().graphql(name, given)


@pytest.mark.slow
def test_with_a_key_both_are_saved_and_their_addresses_are_printed(monkeypatch, tmp_path):
    server = Saving()
    server.views = []
    for name, value in {
        "BASE_URL": server.url,
        "API_KEY": "a" * 40,
        "ERROR_REPORTING": "false",
        "CONFIG_DIR": str(tmp_path),
    }.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    workspace, report = create_dashboard("E", "P", dry=False).splitlines()[-2:]
    assert workspace.startswith(f"{server.url}/E/P?nw=")
    assert report == f"{server.url}/E/P/reports/Unlearning-and-triggers--V1"
    sent = [plain(json.loads(view["spec"])) for view in server.views]
    expected = [plain(one["spec"]) for one in specification()]
    assert [view["displayName"] for view in server.views] == ["rna_bench", "Unlearning and triggers"]
    assert sent[0] == expected[0]
    assert len(sent[1]) > len(sent[0])  # and with all methods
    server.stop()
