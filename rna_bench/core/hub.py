"""The Hugging Face hub at a pinned revision: what the local cache holds, fetching the rest, and errors that say what to do."""

import errno
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol, runtime_checkable

from rna_bench.core.types import InputError

TIMEOUT = 10.0
"""Seconds to wait for the hub's answer to each of the two requests before a download."""


@dataclass(frozen=True)
class Repo:
    """Files of a repository at one revision. `repo_type` is "model" or "dataset"; `key` is the config key that errors name.

    `patterns` are shell patterns of paths in the repository. One without a wildcard names a file that must exist. `note` is added
    to the message about files that the local cache lacks.
    """

    key: str
    name: str
    revision: str
    repo_type: str
    patterns: tuple[str, ...]
    note: str = ""


class RepoError(InputError):
    """What is wrong with one repository, while the hub can be reached and may have others."""


@runtime_checkable
class FromHub(Protocol):
    """A source that reads repositories of the hub; `repositories` are those that it would read, none where it reads copies."""

    def repositories(self) -> tuple[Repo, ...]: ...


def fetch_snapshot(repo: Repo) -> Path:
    """Return the folder of the snapshot in the local cache; missing files are fetched first if HF_HUB_OFFLINE=0 allows it.

    If the cache is complete, the hub is not contacted. Errors come within seconds: before a download the hub is asked once for
    the files' names and once for the size of one file.
    """
    from huggingface_hub import constants, snapshot_download

    remedy = _incomplete_cache(repo)
    if not remedy:
        folder = cached_snapshot(repo)
        assert folder is not None
        return folder
    if constants.HF_HUB_OFFLINE:
        raise _error(repo, remedy)
    try:
        _check_access(repo)
        patterns = list(repo.patterns)
        return Path(snapshot_download(repo.name, repo_type=repo.repo_type, revision=repo.revision, allow_patterns=patterns))
    except InputError:
        raise
    except Exception as error:  # the hub's client and its HTTP library raise more than a dozen different exceptions
        raise error_of(repo, error) from error


def missing(repo: Repo) -> list[str]:
    """Return one line that says what the local cache lacks and what to do; an empty list if it is complete. Works offline."""
    remedy = _incomplete_cache(repo)
    return [str(_error(repo, remedy))] if remedy else []


def cached_snapshot(repo: Repo) -> Path | None:
    """Return the folder of the revision in the local cache, complete or not, or None; its name is the commit."""
    store = store_of(repo)
    reference = store / "refs" / repo.revision
    try:
        commit = reference.read_text().strip() if reference.is_file() else repo.revision
        folder = store / "snapshots" / commit
        return folder if folder.is_dir() else None
    except (OSError, UnicodeDecodeError):  # an unreadable cache counts as empty
        return None


def store_of(repo: Repo) -> Path:
    """Return the folder of all revisions of a repository in the local cache."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"{repo.repo_type}s--{repo.name.replace('/', '--')}"


def matching(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Return the names that match one of the patterns, in their order; `*` matches slashes too, as in the hub's client."""
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def incomplete(names: Sequence[str]) -> list[str]:
    """Return a phrase for each set of shards NAME-00000-of-00003 of which some are not among the names."""
    sets = Counter((m[1], m[2], m[3]) for name in names if (m := re.fullmatch(r"(.*)-\d{5}-of-(\d{5})(.*)", name)))
    return [f"{int(of) - n} of {int(of)} {start}-*-of-{of}{end}" for (start, of, end), n in sets.items() if n < int(of)]


def error_of(repo: Repo, error: Exception) -> InputError:
    """Return an error of the hub's client as one line that says what to do."""
    from huggingface_hub.errors import HfHubHTTPError

    refused = isinstance(error, HfHubHTTPError) and error.response.status_code in (401, 403, 404)
    return (RepoError if refused else InputError)(repo.key, titled(repo), _remedy(repo, error))


def titled(repo: Repo) -> str:
    """Return the repository's name and revision."""
    return f"{repo.name} at {repo.revision[:10]}"


def _error(repo: Repo, remedy: str) -> InputError:
    return InputError(repo.key, titled(repo), remedy)


def _copy_advice(repo: Repo) -> str:
    """Return the advice to use a local copy instead of the hub."""
    return f"copy its files here and give {repo.key.removesuffix('repo')}path=FOLDER"


def _incomplete_cache(repo: Repo) -> str:
    """Return what the local cache lacks and what to do, or "" if it is complete."""
    folder = cached_snapshot(repo)
    lacking = ["all of it"] if folder is None else list(_missing_files(repo, folder))
    if not lacking:
        return ""
    first = ", ".join(lacking[:3]) + (f" and {len(lacking) - 3} more" if len(lacking) > 3 else "")
    note = f"; {repo.note}" if repo.note else ""
    return f"not in the local cache ({first}); with a network `rna-bench fetch` gets it, or {_copy_advice(repo)}{note}"


def _missing_files(repo: Repo, folder: Path) -> Iterator[str]:
    """Yield the names of missing files: those named by a pattern, listed by the hub, or in the index of the weights."""
    present = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    matched = matching(present, repo.patterns)
    named = [pattern for pattern in repo.patterns if not set(pattern) & set("*?[")]
    needed = dict.fromkeys([*named, *matching(_listed(folder), repo.patterns), *_shards(folder)])
    yield from (name for name in needed if name not in present)
    yield from incomplete(matched)
    if not matched and not named:
        yield " or ".join(repo.patterns)
    if repo.repo_type == "model" and not any(name.endswith(".safetensors") for name in matched):
        yield "weights (*.safetensors)"


def _listed(folder: Path) -> list[str]:
    """Return the files of the repository as the client listed them last, if it kept that list."""
    try:
        listing = json.loads((folder.parents[1] / "trees" / f"{folder.name}.json").read_bytes())
        return [str(name) for name in listing["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _shards(folder: Path) -> list[str]:
    """Return the files named in the index of a model's weights."""
    try:
        index = json.loads((folder / "model.safetensors.index.json").read_bytes())
        return sorted({str(name) for name in index["weight_map"].values()})
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ["a readable model.safetensors.index.json"]


def _check_access(repo: Repo) -> None:
    """Ask the hub for the names of the files and the size of one of them: a gated repository lists its files to everyone."""
    from huggingface_hub import DatasetInfo, HfApi, ModelInfo, get_hf_file_metadata, get_token, hf_hub_url

    info = HfApi().repo_info(repo.name, repo_type=repo.repo_type, revision=repo.revision, timeout=TIMEOUT)
    assert isinstance(info, ModelInfo | DatasetInfo)
    names = matching([file.rfilename for file in info.siblings or ()], repo.patterns)
    if not names:
        raise _error(repo, f"the repository has no file {' or '.join(repo.patterns)}; check its page for the names of its files")
    url = hf_hub_url(repo.name, names[0], repo_type=repo.repo_type, revision=repo.revision)
    get_hf_file_metadata(url, token=get_token(), timeout=TIMEOUT)


def _remedy(repo: Repo, error: Exception) -> str:
    """Return what is wrong and what to do. The client's own message is left out, as it can contain a token."""
    from huggingface_hub import constants, get_token
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    page = f"{constants.ENDPOINT}/{'datasets/' if repo.repo_type == 'dataset' else ''}{repo.name}"
    cause = _system_error(error)
    match error:
        case GatedRepoError() if get_token():
            return f"gated, and the token has no access; ask for access on {page} with that account, or {_copy_advice(repo)}"
        case GatedRepoError():
            login = "then `hf auth login` or set HF_TOKEN"
            return f"gated, and there is no token; ask for access on {page}, {login}, or {_copy_advice(repo)}"
        case RevisionNotFoundError():
            return f"the repository has no such revision; give a commit, branch or tag that {page} lists"
        case RepositoryNotFoundError():
            return f"there is no such repository, or it is private; check whether {page} was renamed, or `hf auth login`"
        case HfHubHTTPError() if error.response.status_code in (401, 403):
            return f"the hub refuses the token in use ({error.response.status_code}); run `hf auth login` again, or set HF_TOKEN"
        case HfHubHTTPError():
            return f"the hub answers {error.response.status_code}; try again later, or {_copy_advice(repo)}"
    if (cause and cause.errno in (errno.ENOSPC, errno.EDQUOT)) or "No space left" in str(error):  # from the Rust part
        return f"the disk of {constants.HF_HUB_CACHE} is full; free some space, or set HF_HOME to a folder on another disk"
    if cause and cause.filename is not None:
        reason = f"{constants.HF_HUB_CACHE} cannot be written to ({cause.strerror})"
        return f"{reason}; change its permissions, or set HF_HOME to a folder of your own"
    return f"{constants.ENDPOINT} cannot be reached ({type(error).__name__}); check the network and proxy, or {_copy_advice(repo)}"


def _system_error(error: BaseException | None) -> OSError | None:
    """Return the operating system's error that caused this one, if any."""
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            return error
        error = error.__cause__ or error.__context__
    return None
