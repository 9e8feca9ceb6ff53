"""The Hugging Face hub at a pinned revision: what is in the local cache, what is fetched, and why something is not to be had."""

import errno
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from rna_bench.core.types import InputError

TIMEOUT = 10.0
"""Seconds that the hub has for each of the two questions before a download."""


@dataclass(frozen=True)
class Repo:
    """Files of a repository at one revision. `kind` is "model" or "dataset"; `key` is the config key that errors name.

    `patterns` are shell patterns of paths in the repository. One without a wildcard is a file that must be there. `note` is added
    to what is said of files that the local cache lacks.
    """

    key: str
    name: str
    revision: str
    kind: str
    patterns: tuple[str, ...]
    note: str = ""


def fetched(repo: Repo) -> Path:
    """Return the folder of the snapshot: the local cache's, or fetched first where HF_HUB_OFFLINE=0 allows it.

    What the cache holds is used without a word to the hub. Errors come within seconds: the hub is asked for the files' names and
    for one file's size before anything is fetched, each time once.
    """
    from huggingface_hub import constants, snapshot_download

    lacks = _lacks(repo)
    if not lacks:
        folder = snapshot(repo)
        assert folder is not None
        return folder
    if constants.HF_HUB_OFFLINE:
        raise _error(repo, lacks)
    try:
        _ask(repo)
        wanted = list(repo.patterns)
        return Path(snapshot_download(repo.name, repo_type=repo.kind, revision=repo.revision, allow_patterns=wanted))
    except InputError:
        raise
    except Exception as error:  # the hub's client raises a dozen kinds, its HTTP library others
        raise _error(repo, _remedy(repo, error)) from error


def absent(repo: Repo) -> str:
    """Return "" where the local cache holds all that the patterns name, else one line that says what to do. Asks no network."""
    lacks = _lacks(repo)
    return str(_error(repo, lacks)) if lacks else ""


def snapshot(repo: Repo) -> Path | None:
    """Return the folder of the revision in the local cache, complete or not; its name is the commit. None where there is none."""
    from huggingface_hub import constants

    store = Path(constants.HF_HUB_CACHE) / f"{repo.kind}s--{repo.name.replace('/', '--')}"
    reference = store / "refs" / repo.revision
    try:
        commit = reference.read_text().strip() if reference.is_file() else repo.revision
        folder = store / "snapshots" / commit
        return folder if folder.is_dir() else None
    except (OSError, UnicodeDecodeError):  # a cache that cannot be read holds nothing
        return None


def matching(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Return the names that match one of the patterns, in their order; `*` matches slashes too, as in the hub's client."""
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def incomplete(names: Sequence[str]) -> list[str]:
    """Return, in words, the sets of files NAME-00000-of-00003 of which some are not among the names."""
    sets = Counter((m[1], m[2], m[3]) for name in names if (m := re.fullmatch(r"(.*)-\d{5}-of-(\d{5})(.*)", name)))
    return [f"{int(of) - n} of {int(of)} {start}-*-of-{of}{end}" for (start, of, end), n in sets.items() if n < int(of)]


def _error(repo: Repo, remedy: str) -> InputError:
    return InputError(repo.key, f"{repo.name} at {repo.revision[:10]}", remedy)


def _copy(repo: Repo) -> str:
    """Say how to do without the hub."""
    return f"copy its files here and give {repo.key.removesuffix('repo')}path=FOLDER"


def _lacks(repo: Repo) -> str:
    """Say what the local cache lacks and what to do; "" for nothing."""
    folder = snapshot(repo)
    missing = ["all of it"] if folder is None else list(_missing(repo, folder))
    if not missing:
        return ""
    first = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    note = f"; {repo.note}" if repo.note else ""
    return f"not in the local cache ({first}); with a network set HF_HUB_OFFLINE=0 to fetch it, or {_copy(repo)}{note}"


def _missing(repo: Repo, folder: Path) -> Iterator[str]:
    """Yield the names of files that are not there: named by a pattern, listed by the hub, or shards of weights."""
    present = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    found = matching(present, repo.patterns)
    named = [pattern for pattern in repo.patterns if not set(pattern) & set("*?[")]
    needed = dict.fromkeys([*named, *matching(_listed(folder), repo.patterns), *_shards(folder)])
    yield from (name for name in needed if name not in present)
    yield from incomplete(found)
    if not found and not named:
        yield " or ".join(repo.patterns)
    if repo.kind == "model" and not any(name.endswith(".safetensors") for name in found):
        yield "weights (*.safetensors)"


def _listed(folder: Path) -> list[str]:
    """Return the files that the repository had when the client last asked, where it kept the list."""
    try:
        listing = json.loads((folder.parents[1] / "trees" / f"{folder.name}.json").read_bytes())
        return [str(name) for name in listing["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _shards(folder: Path) -> list[str]:
    """Return the files that the index of a model's weights names."""
    try:
        index = json.loads((folder / "model.safetensors.index.json").read_bytes())
        return sorted({str(name) for name in index["weight_map"].values()})
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ["a readable model.safetensors.index.json"]


def _ask(repo: Repo) -> None:
    """Ask the hub for the names of the files, and for the size of one: a gated repository names its files to all."""
    from huggingface_hub import DatasetInfo, HfApi, ModelInfo, get_hf_file_metadata, get_token, hf_hub_url

    info = HfApi().repo_info(repo.name, repo_type=repo.kind, revision=repo.revision, timeout=TIMEOUT)
    assert isinstance(info, ModelInfo | DatasetInfo)
    names = matching([file.rfilename for file in info.siblings or ()], repo.patterns)
    if not names:
        raise _error(repo, f"the repository has no file {' or '.join(repo.patterns)}; look at its page, and name its files")
    url = hf_hub_url(repo.name, names[0], repo_type=repo.kind, revision=repo.revision)
    get_hf_file_metadata(url, token=get_token(), timeout=TIMEOUT)


def _remedy(repo: Repo, error: Exception) -> str:
    """Say what is wrong and what to do. Of the client's own message nothing is repeated: it can hold a token."""
    from huggingface_hub import constants, get_token
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    page = f"{constants.ENDPOINT}/{'datasets/' if repo.kind == 'dataset' else ''}{repo.name}"
    cause = _system(error)
    match error:
        case GatedRepoError() if get_token():
            return f"gated, and the token in use has no access; ask for access on {page} with that account, or {_copy(repo)}"
        case GatedRepoError():
            return f"gated, and there is no token; ask for access on {page}, then `hf auth login` or set HF_TOKEN, or {_copy(repo)}"
        case RevisionNotFoundError():
            return f"the repository has no such revision; give a commit, branch or tag that {page} lists"
        case RepositoryNotFoundError():
            return f"there is no such repository, or it is private; look whether {page} was renamed, or `hf auth login`"
        case HfHubHTTPError() if error.response.status_code in (401, 403):
            return f"the hub refuses the token in use ({error.response.status_code}); `hf auth login` anew, or set HF_TOKEN"
        case HfHubHTTPError():
            return f"the hub answers {error.response.status_code}; try again later, or {_copy(repo)}"
    if (cause and cause.errno in (errno.ENOSPC, errno.EDQUOT)) or "No space left" in str(error):  # the Rust part's RuntimeError
        return f"the disk of {constants.HF_HUB_CACHE} is full; free some space, or set HF_HOME to a folder on another disk"
    if cause and cause.filename is not None:
        reason = f"{constants.HF_HUB_CACHE} cannot be written to ({cause.strerror})"
        return f"{reason}; change its permissions, or set HF_HOME to a folder of yours"
    return f"{constants.ENDPOINT} cannot be reached ({type(error).__name__}); check the network and proxy, or {_copy(repo)}"


def _system(error: BaseException | None) -> OSError | None:
    """Return the operating system's error that is behind this one, if any."""
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            return error
        error = error.__cause__ or error.__context__
    return None
