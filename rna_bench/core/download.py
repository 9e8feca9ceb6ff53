"""Fetching from the hub into its cache: what there is to fetch of a repository, how large it is, and the download."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rna_bench.core import hub, log
from rna_bench.core.files import free_space, gigabytes
from rna_bench.core.hub import Repo, RepoError
from rna_bench.core.types import InputError


@dataclass(frozen=True)
class Listing:
    """Bytes by file name: all files of a repository that are needed, and those of them that the cache lacks."""

    repo: Repo
    sizes: Mapping[str, int]
    lacking: Mapping[str, int]

    @property
    def size(self) -> int:
        """The bytes to fetch."""
        return sum(self.lacking.values())


def list_files(repo: Repo) -> Listing:
    """Return what is needed of a repository. The hub is asked only if the cache is not complete, and nothing is fetched.

    Raise RepoError if the hub does not give it, for instance without an agreement, and InputError if the hub cannot be reached.
    """
    folder = hub.cached_snapshot(repo)
    if folder and not hub.missing(repo):
        names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
        return Listing(repo, {name: (folder / name).stat().st_size for name in hub.matching(names, repo.patterns)}, {})
    try:
        return _asked(repo)
    except InputError:
        raise
    except Exception as error:  # as in `hub.fetch_snapshot`
        raise hub.error_of(repo, error) from error


def _asked(repo: Repo) -> Listing:
    """Return what the hub says: its file metadata in one request, and whether it gives a file in another."""
    from huggingface_hub import DatasetInfo, HfApi, ModelInfo, get_hf_file_metadata, get_token, hf_hub_url

    info = HfApi().repo_info(repo.name, repo_type=repo.repo_type, revision=repo.revision, timeout=hub.TIMEOUT, files_metadata=True)
    assert isinstance(info, ModelInfo | DatasetInfo)
    files = {file.rfilename: file for file in info.siblings or ()}
    names = hub.matching(list(files), repo.patterns)
    _check_named(repo, names)
    url = hf_hub_url(repo.name, names[0], repo_type=repo.repo_type, revision=repo.revision)
    get_hf_file_metadata(url, token=get_token(), timeout=hub.TIMEOUT)
    store, commit = hub.store_of(repo), info.sha or repo.revision
    sizes = {name: files[name].size or 0 for name in names}
    blobs = {name: str(file.lfs.sha256 if file.lfs else file.blob_id) for name in names if (file := files[name])}
    there = {name for name in names if _there(store, commit, name, blobs[name])}
    return Listing(repo, sizes, {name: size for name, size in sizes.items() if name not in there})


def _there(store: Path, commit: str, name: str, blob: str) -> bool:
    """Return whether a file is in the cache, in this revision or, with the same content, in another."""
    return (store / "snapshots" / commit / name).is_file() or (store / "blobs" / blob).is_file()


def _check_named(repo: Repo, names: list[str]) -> None:
    """Raise RepoError if the repository lacks files that a run would look for."""
    lacking = [pattern for pattern in repo.patterns if not set(pattern) & set("*?[") and pattern not in names]
    if lacking or not names:
        first = ", ".join(lacking[:3]) or " or ".join(repo.patterns)
        raise RepoError(repo.key, hub.titled(repo), f"has no file {first}; check its page for the names of its files")
    if repo.repo_type == "model" and not any(name.endswith(".safetensors") for name in names):
        remedy = "has no weights in safetensors, and pickled ones are never loaded; convert a copy and give model.path=FOLDER"
        raise RepoError(repo.key, hub.titled(repo), remedy)


def check_space(listings: Iterable[Listing]) -> str:
    """Return how much is to be fetched, and where to; raise InputError if the disk has no room for it."""
    from huggingface_hub.constants import HF_HUB_CACHE

    files = {(hub.store_of(one.repo), name): size for one in listings for name, size in one.lacking.items()}
    need, free = sum(files.values()), free_space(Path(HF_HUB_CACHE))
    if need > free:
        remedy = f"{gigabytes(need)} to fetch, and {gigabytes(free)} free; free some space, or set HF_HOME to another disk"
        raise InputError("HF_HUB_CACHE", HF_HUB_CACHE, remedy)
    return f"{gigabytes(need)} to fetch into {HF_HUB_CACHE}, with {gigabytes(free)} free"


def download(repo: Repo) -> None:
    """Fetch what the cache lacks, with the hub's own progress bars. A file that is whole is not fetched again."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import disable_progress_bars

    if os.environ.get(log.BARS) == "0":
        disable_progress_bars()
    try:
        snapshot_download(repo.name, repo_type=repo.repo_type, revision=repo.revision, allow_patterns=list(repo.patterns))
    except Exception as error:
        raise hub.error_of(repo, error) from error
    left = hub.missing(repo)
    if left:
        raise InputError("fetch", hub.titled(repo), f"was fetched, and is not complete: {left[0]}")
