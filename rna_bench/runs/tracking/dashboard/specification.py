"""A W&B workspace (panels to work with) and a report (panels to read), and a description of both as text."""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from wandb_workspaces import expr
from wandb_workspaces.reports.v2 import interface as wr
from wandb_workspaces.workspaces import interface as ws

from rna_bench.runs.tracking import STEP
from rna_bench.runs.tracking.dashboard.panels import COLUMNS, METHOD, MOST_RUNS, PanelSection, panel_sections

NAME = "rna_bench"
TITLE = "Unlearning and triggers"


class Dashboard(NamedTuple):
    """A workspace and a report to be created."""

    workspace: ws.Workspace
    report: wr.Report


def make_dashboard(entity: str, project: str, methods: Sequence[str]) -> Dashboard:
    """Return the workspace and the report for a project; the report groups runs by method."""
    sections = [ws.Section(section.title, list(section.panels), is_open=True) for section in panel_sections()]
    workspace = ws.Workspace(
        entity=entity,
        project=project,
        name=NAME,
        sections=sections,
        settings=ws.WorkspaceSettings(x_axis=STEP, max_runs=MOST_RUNS),
        runset_settings=ws.RunsetSettings(pinned_columns=list(COLUMNS)),
    )
    text = [wr.P("Made by `rna-bench dashboard`. The names are those of rna_bench/runs/tracking/metrics.py."), wr.TableOfContents()]
    blocks = [*text, *(block for section in panel_sections() for block in _blocks(section, methods))]
    return Dashboard(workspace, wr.Report(project=project, entity=entity, title=TITLE, width="fluid", blocks=blocks))


def _blocks(section: PanelSection, methods: Sequence[str]) -> Iterator[wr.H2 | wr.P | wr.PanelGrid]:
    """Yield a heading, how to read the panels, and the panels; the runs of each method can be hidden separately."""
    runs = [
        wr.Runset(name=method, filters=[expr.Config(METHOD) == method], pinned_columns=["run:displayName", *COLUMNS])
        for method in methods
    ]
    yield wr.H2(section.title)
    yield wr.P(section.about)
    yield wr.PanelGrid(runsets=runs, panels=list(section.panels))


def specifications(dashboard: Dashboard) -> list[dict[str, Any]]:
    """Return the JSON of both that W&B is sent, validated by reading it back with the library's own models."""
    models = [dashboard.workspace._to_model(), dashboard.report._to_model()]  # the library has no public method for it
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the library only warns of an invalid block
        validated = [type(model).model_validate_json(model.model_dump_json(by_alias=True, exclude_none=True)) for model in models]
    return [model.model_dump(mode="json", by_alias=True, exclude_none=True) for model in validated]


def dashboard_text(dashboard: Dashboard) -> str:
    """Return a description of the dashboard: each section with its panels."""
    where = f"{dashboard.workspace.entity}/{dashboard.workspace.project}"
    lines = [f"workspace `{dashboard.workspace.name}` and report `{dashboard.report.title}` in {where}:"]
    lines += [f"  {section.title}: {'; '.join(str(panel.title) for panel in section.panels)}" for section in panel_sections()]
    lines.append("  table of runs: " + ", ".join(COLUMNS))
    return "\n".join(lines)
