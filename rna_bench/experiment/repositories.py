"""The repositories of the hub that runs read, and fetching them."""

from collections.abc import Iterable, Sequence

from rna_bench.core import hub
from rna_bench.core.download import Listing, check_space, download, list_files
from rna_bench.core.files import gigabytes
from rna_bench.core.hub import FromHub, Repo, RepoError
from rna_bench.core.log import LOGGER, print_result
from rna_bench.experiment.config import ExperimentConfig


def repositories(experiments: Iterable[ExperimentConfig]) -> list[Repo]:
    """Return what the runs read from the hub, each once: model, text and questions."""
    unique = {
        (repo.repo_type, repo.name, repo.revision, repo.patterns): repo
        for experiment in experiments
        for source in _sources(experiment)
        if isinstance(source, FromHub)
        for repo in source.repositories()
    }
    return list(unique.values())


def _sources(experiment: ExperimentConfig) -> list[object]:
    base = [experiment.base.model] if experiment.base else []
    return [experiment.model, *base, experiment.corpus, *experiment.datasets.values()]


def fetch_repositories(repos: Sequence[Repo], *, only_show: bool = False) -> bool:
    """Print what is there, what is to be fetched and what cannot be, and fetch it; return whether everything is there then."""
    listings, refused = _listings(repos)
    lacking = [one for one in listings if one.lacking]
    if lacking:
        print_result(check_space(lacking))
    if lacking and only_show:
        return False
    for number, one in enumerate(lacking, 1):
        LOGGER.info("fetching %s (%d of %d, %s)", hub.titled(one.repo), number, len(lacking), gigabytes(one.size))
        download(one.repo)
    if not refused:
        print_result("everything is there")
    return not refused


def _listings(repos: Sequence[Repo]) -> tuple[list[Listing], int]:
    """Return what is needed of each repository, one line printed for each, and how many of them the hub does not give."""
    listings, refused = list[Listing](), 0
    for repo in repos:
        try:
            one = list_files(repo)
        except RepoError as error:
            refused += 1
            LOGGER.error("%s", error)
            continue
        listings.append(one)
        sizes, what = (one.lacking, "to fetch") if one.lacking else (one.sizes, "there")
        files = f"{len(sizes)} file{'' if len(sizes) == 1 else 's'}"
        print_result(f"{what:<8}  {hub.titled(repo)} ({repo.key}): {gigabytes(sum(sizes.values()))} in {files}")
    return listings, refused
