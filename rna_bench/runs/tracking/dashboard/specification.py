"""A workspace (panels that are worked in) and a report (panels that are read), and what they come to as text."""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from wandb_workspaces import expr
from wandb_workspaces.reports.v2 import interface as wr
from wandb_workspaces.workspaces import interface as ws

from rna_bench.runs.tracking import STEP
from rna_bench.runs.tracking.dashboard.panels import COLUMNS, METHOD, Part, parts

NAME = "rna_bench"
TITLE = "Unlearning and triggers"


class Dashboard(NamedTuple):
    """What is to be created."""

    workspace: ws.Workspace
    report: wr.Report


def dashboard(entity: str, project: str, methods: Sequence[str]) -> Dashboard:
    """Return the workspace and the report for a project; the report has runs by method."""
    sections = [ws.Section(part.title, list(part.panels), is_open=True) for part in parts()]
    workspace = ws.Workspace(
        entity=entity,
        project=project,
        name=NAME,
        sections=sections,
        settings=ws.WorkspaceSettings(x_axis=STEP, max_runs=100),
        runset_settings=ws.RunsetSettings(pinned_columns=list(COLUMNS)),
    )
    text = [wr.P("Made by `rna-bench dashboard`. The names are those of rna_bench/evaluation/metrics.py."), wr.TableOfContents()]
    blocks = [*text, *(block for part in parts() for block in _blocks(part, methods))]
    return Dashboard(workspace, wr.Report(project=project, entity=entity, title=TITLE, width="fluid", blocks=blocks))


def _blocks(part: Part, methods: Sequence[str]) -> Iterator[wr.H2 | wr.P | wr.PanelGrid]:
    """Yield a heading, how to read the panels, and the panels; the runs of each method can be hidden by themselves."""
    runs = [
        wr.Runset(name=method, filters=[expr.Config(METHOD) == method], pinned_columns=["run:displayName", *COLUMNS])
        for method in methods
    ]
    yield wr.H2(part.title)
    yield wr.P(part.about)
    yield wr.PanelGrid(runsets=runs, panels=list(part.panels))


def specifications(made: Dashboard) -> list[dict[str, Any]]:
    """Return both as W&B is to be told, read back by the library's own models, which refuse what is not of their form."""
    told = [made.workspace._to_model(), made.report._to_model()]  # the library has no public way to a specification
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a block that is not of its form, the library only warns
        back = [type(model).model_validate_json(model.model_dump_json(by_alias=True, exclude_none=True)) for model in told]
    return [model.model_dump(mode="json", by_alias=True, exclude_none=True) for model in back]


def outline(made: Dashboard) -> str:
    """Return what is to be created, as text: each part with its panels."""
    where = f"{made.workspace.entity}/{made.workspace.project}"
    lines = [f"workspace `{made.workspace.name}` and report `{made.report.title}` in {where}:"]
    lines += [f"  {part.title}: {'; '.join(str(panel.title) for panel in part.panels)}" for part in parts()]
    lines.append("  table of runs: " + ", ".join(COLUMNS))
    return "\n".join(lines)
