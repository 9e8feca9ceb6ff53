"""Where tables, figures and pages are written by default: what git tracks is never written to, nor beside committed records."""

import subprocess
from pathlib import Path

VIEWED = Path("results/viewed")
"""For what is made of committed records; git ignores it. The committed tables, figures and page are made with --out."""
PUBLISHED = ("results", "published")


def default_folder(folder: Path, artefact: str) -> Path:
    """Return FOLDER/ARTEFACT (tables, figures); for committed records results/viewed/ARTEFACT/NAME.

    Committed records are those in a folder of results/published, and those that git tracks.
    """
    here = folder.resolve()
    for published in (here, here.parent):
        if published.parts[-2:] == PUBLISHED:
            return published.parents[1] / VIEWED / artefact / here.name
    return VIEWED / artefact / here.name if _tracked(folder) else folder / artefact


def default_page(folder: Path) -> Path:
    """Return FOLDER/report.html; for committed records results/viewed/pages/NAME.html."""
    place = default_folder(folder, "pages")
    return folder / "report.html" if place == folder / "pages" else place.with_name(f"{place.name}.html")


def _tracked(folder: Path) -> bool:
    """Return whether git tracks a file in the folder; without git, and outside a clone, it does not."""
    try:
        listed = subprocess.run(["git", "-C", str(folder), "ls-files", "--", "."], capture_output=True, check=False)
    except OSError:
        return False
    return bool(listed.stdout)
