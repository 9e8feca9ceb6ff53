"""Commands that show records: tables, figures, the page, dashboards."""

import argparse
from collections.abc import Sequence
from pathlib import Path

NAME = "folder of records, with those in its subfolders, or a name below results/runs or results/published (results/runs)"
VIEWED = "of published records, and of others that git tracks, results/viewed"


def tables_parser() -> argparse.ArgumentParser:
    """Return the arguments of `rna-bench tables`."""
    parser = argparse.ArgumentParser(
        prog="rna-bench tables",
        description="Which method to use, the verdicts on both claims, and tables, from run records alone: the main ones in the "
        "terminal, all in tables.md.",
    )
    parser.add_argument("name", nargs="?", help=NAME)
    parser.add_argument(
        "--out",
        type=Path,
        help=f"folder for tables.md, sources.csv, and CSV and LaTeX files (FOLDER/tables; {VIEWED}/tables/NAME)",
    )
    parser.add_argument("--paper", action="store_true", help="reference numbers (results/paper) of the same models beside ours")
    return parser


def tables(arguments: Sequence[str]) -> None:
    """Write and print tables."""
    parsed = tables_parser().parse_args(arguments)
    from rna_bench.reporting.places import default_folder
    from rna_bench.reporting.tables.terminal import findings_text
    from rna_bench.reporting.tables.write import WHOLE, find_out, write_findings
    from rna_bench.runs.collection import find

    folder = find(parsed.name)
    out = parsed.out or default_folder(folder, "tables")
    found = find_out(folder, _references() if parsed.paper else None)
    write_findings(found, out)
    print(findings_text(found, out / WHOLE))


def _references() -> Path:
    from rna_bench.core.conf_files import config_folder

    return config_folder("results/paper")


def figures_parser() -> argparse.ArgumentParser:
    """Return the arguments of `rna-bench figures`."""
    parser = argparse.ArgumentParser(prog="rna-bench figures", description="Figures (PNG, SVG, PDF) from run records alone.")
    parser.add_argument("name", nargs="?", help=NAME)
    parser.add_argument(
        "--out",
        type=Path,
        help=f"folder for the figures and their list, figures.md (FOLDER/figures; {VIEWED}/figures/NAME)",
    )
    return parser


def figures(arguments: Sequence[str]) -> None:
    """Write figures."""
    parsed = figures_parser().parse_args(arguments)
    from rna_bench.reporting.figures.files import write_figures
    from rna_bench.reporting.places import default_folder
    from rna_bench.runs.collection import find

    folder = find(parsed.name)
    print(write_figures(folder, parsed.out or default_folder(folder, "figures")))


def report_parser() -> argparse.ArgumentParser:
    """Return the arguments of `rna-bench report`."""
    parser = argparse.ArgumentParser(
        prog="rna-bench report",
        description="One HTML page of run records: the claims, a table of runs, a plot, comparisons and single runs. It opens from "
        "disk and fetches nothing.",
    )
    parser.add_argument("name", nargs="?", help=NAME)
    parser.add_argument(
        "--out",
        type=Path,
        help=f"the file to write (FOLDER/report.html; {VIEWED}/pages/NAME.html)",
    )
    return parser


def report(arguments: Sequence[str]) -> None:
    """Write the HTML page of runs."""
    parsed = report_parser().parse_args(arguments)
    from rna_bench.reporting.page.build import write_report
    from rna_bench.reporting.places import default_page
    from rna_bench.runs.collection import find

    folder = find(parsed.name)
    print(write_report(folder, parsed.out or default_page(folder)))


def choose_parser() -> argparse.ArgumentParser:
    """Return the arguments of `rna-bench choose`."""
    parser = argparse.ArgumentParser(prog="rna-bench choose", description="Which settings to use, by the rule of the presets.")
    parser.add_argument("name", nargs="?", help=NAME)
    return parser


def choose(arguments: Sequence[str]) -> None:
    """Print the settings that were tried for each method, and which one the rule of presets chooses."""
    parsed = choose_parser().parse_args(arguments)
    from rna_bench.reporting.tables.choices import choices_text
    from rna_bench.runs.collection import find

    print(choices_text(find(parsed.name)))


def dashboard_parser() -> argparse.ArgumentParser:
    """Return the arguments of `rna-bench dashboard`."""
    parser = argparse.ArgumentParser(prog="rna-bench dashboard", description="A W&B workspace and report for a project's runs.")
    parser.add_argument("--entity", required=True, help="W&B team or user")
    parser.add_argument("--project", required=True, help="W&B project, for instance rna_bench")
    parser.add_argument("--dry-run", action="store_true", help="say what would be created, validate it, and send nothing")
    return parser


def dashboard(arguments: Sequence[str]) -> None:
    """Create the W&B workspace and report, or show what would be created."""
    parsed = dashboard_parser().parse_args(arguments)
    from rna_bench.core.conf_files import config_folder
    from rna_bench.runs.tracking.dashboard.command import create_dashboard

    methods = sorted(path.stem for path in (config_folder("conf") / "method").glob("*.yaml"))
    print(create_dashboard(parsed.entity, parsed.project, methods, dry=parsed.dry_run))
