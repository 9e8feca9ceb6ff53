"""A user's own code, which is neither the package's nor an installed library's: where it failed, and in which file a class is."""

import sys
import sysconfig
import traceback
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
LIBRARY = Path(sysconfig.get_path("stdlib")).resolve()
INSTALLED = frozenset({"site-packages", "dist-packages"})


def is_own(file: str) -> bool:
    """Return whether a source file is a user's own."""
    path = Path(file)
    if not path.is_file() or INSTALLED & set(path.parts):
        return False
    return not any(path.resolve().is_relative_to(folder) for folder in (PACKAGE, LIBRARY))


def own_place(error: BaseException) -> str:
    """Return where an error arose in a user's own code, as "Ascent.forget_loss, my_methods.py line 12"; "" if not there.

    The function is the first one of the user's that was called, the line the last one that was run.
    """
    frames = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if is_own(frame.f_code.co_filename)]
    if not frames:
        return ""
    (first, _), (last, line) = frames[0], frames[-1]
    return f"{first.f_code.co_qualname}, {Path(last.f_code.co_filename).name} line {line}"


def own_file(built: object) -> Path | None:
    """Return the source file of an object's class, or None unless it is a user's own."""
    file = getattr(sys.modules.get(type(built).__module__), "__file__", None)
    return Path(file) if file and is_own(file) else None


def class_path(built: object) -> str:
    """Return the full name of an object's class, as `_target_` gives it."""
    return f"{type(built).__module__}.{type(built).__qualname__}"
