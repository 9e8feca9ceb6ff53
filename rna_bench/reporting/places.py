"""Where tables, figures and pages are written by default: never beside committed records."""

import subprocess
from pathlib import Path

PUBLISHED = ("results", "published")


def default_folder(folder: Path, artefact: str) -> Path:
    """Return FOLDER/ARTEFACT (tables, figures); for committed records results/ARTEFACT/NAME.

    Committed records are those in a folder of results/published, and those that git tracks.
    """
    here = folder.resolve()
    if here.parent.parts[-2:] == PUBLISHED:
        return here.parents[1] / artefact / here.name
    return Path("results") / artefact / here.name if _tracked(folder) else folder / artefact


def default_page(folder: Path) -> Path:
    """Return FOLDER/report.html; for committed records results/pages/NAME.html, and for all published ones results/report.html."""
    if folder.resolve().parts[-2:] == PUBLISHED:
        return folder.parent / "report.html"
    place = default_folder(folder, "pages")
    return folder / "report.html" if place == folder / "pages" else place.with_name(f"{place.name}.html")


def _tracked(folder: Path) -> bool:
    """Return whether git tracks a file in the folder; without git, and outside a clone, it does not."""
    try:
        listed = subprocess.run(["git", "-C", str(folder), "ls-files", "--", "."], capture_output=True, check=False)
    except OSError:
        return False
    return bool(listed.stdout)
