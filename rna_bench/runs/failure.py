"""The files of a failed run: the reason, and the traceback."""

import json
import traceback
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from platform import node
from typing import Any

from rna_bench.core.files import keep
from rna_bench.runs.record import provenance

FAILED = "failed.json"
TRACEBACK = "traceback.txt"


@dataclass(frozen=True)
class Failure:
    """The reason of a failure in one line, its time and host, and the code's revision."""

    reason: str
    when: str
    host: str
    revision: str | None


def write(folder: Path, reason: str, error: BaseException | None) -> None:
    """Write the traceback, if there is an error, and then the reason; a folder that cannot be written to raises InputError."""
    failure = Failure(reason, datetime.now(UTC).isoformat(timespec="seconds"), node(), provenance()["revision"])
    text = "".join(traceback.format_exception(error)) if error else f"{reason}\n"
    keep(folder / TRACEBACK, lambda path: path.write_text(text, encoding="utf-8"), folder.parent)
    keep(folder / FAILED, lambda path: path.write_text(json.dumps(asdict(failure)), encoding="utf-8"), folder.parent)


def read(folder: Path) -> Failure | None:
    """Return how the run failed when it was last tried, or None if it did not."""
    try:
        values: dict[str, Any] = json.loads((folder / FAILED).read_bytes())
        return Failure(**values)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        return Failure(f"{FAILED} cannot be read", "", "", None)


def clear(folder: Path) -> None:
    """Remove the files of a failure, because the run is tried again or recorded; and the folder, if it is empty then."""
    for name in (FAILED, TRACEBACK):
        (folder / name).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
