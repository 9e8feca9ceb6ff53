"""Texts by topic from the Hugging Face hub or from local copies; the choices of the released code are options."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from pathlib import Path

from rna_bench.core import hub, seeds
from rna_bench.core.types import InputError, Text, Topic
from rna_bench.data.corpora import documents, raw_lines

HEADING = re.compile(r"\s*= .* =\s*", re.DOTALL)
"""A title in WikiText: ` = Valkyria Chronicles III = `."""
ENDINGS = (".txt", ".jsonl", ".parquet")


class Order(Enum):
    """Order of texts. `file`: as in their files. `shuffled`: drawn from the run's seed."""

    file = "file"
    shuffled = "shuffled"


class Headings(Enum):
    """Whether WikiText's titles, each of which is a row, are kept as texts."""

    keep = "keep"
    drop = "drop"


@dataclass  # not frozen: OmegaConf cannot fill a frozen class inside a mapping
class TextSource:
    """The source of a topic's forget texts, or of the retain texts: a dataset on the hub, or a local copy of it at `path`.

    `files` are shell patterns of paths in the repository or the copied folder, with `{split}` replaced by `split`; `path` may
    also be a single file. In a file that ends in .txt each line is a text; .jsonl and .parquet have texts in `column`. `note` is
    added to the error if the source is missing.
    """

    repo: str
    revision: str
    files: list[str]
    path: str | None
    column: str
    split: str = ""
    note: str = ""

    def repository(self, key: str) -> hub.Repo:
        """Return the files that are needed from the hub."""
        return hub.Repo(f"{key}.repo", self.repo, self.revision, "dataset", tuple(self._patterns()), self.note)

    def missing(self, key: str) -> list[str]:
        """Return a line if the text is not available locally, with its remedy."""
        if self.path is None:
            return hub.missing(self.repository(key))
        try:
            self._files(key)
        except InputError as error:
            return [str(error)]
        return []

    def texts(self, key: str, *, raw: bool = False) -> Iterator[str]:
        """Yield the texts in order, unchanged, or `raw` lines; missing files are fetched first if that is allowed."""
        read = raw_lines if raw else documents
        for file in self._files(key):
            yield from read(f"{key}.path" if self.path else f"{key}.repo", file, self.column)

    def _patterns(self) -> list[str]:
        return [pattern.replace("{split}", self.split) for pattern in self.files]

    def _files(self, key: str) -> list[Path]:
        """Return the file given, or the matching files of the folder; two formats are refused, as they would repeat the texts."""
        path = Path(self.path).expanduser() if self.path else hub.fetch_snapshot(self.repository(key))
        if not path.is_dir():
            return [self._single(key, path)]
        names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
        files = [path / name for name in hub.matching(names, self._patterns()) if name.endswith(ENDINGS)]
        if not files:
            remedy = f"the folder has no file {' or '.join(self._patterns())}; give one file, or other patterns in {key}.files"
            raise InputError(f"{key}.path", path, remedy)
        lacking = hub.incomplete([file.relative_to(path).as_posix() for file in files])
        if lacking:
            raise InputError(f"{key}.path", path, f"the folder lacks {', '.join(lacking)}; copy all of them")
        if len({file.suffix for file in files}) > 1:
            raise InputError(
                f"{key}.files", ",".join(self._patterns()), f"match files of two formats in {path}; narrow them to one"
            )
        return files

    def _single(self, key: str, path: Path) -> Path:
        if not path.is_file():
            raise InputError(f"{key}.path", path, "does not exist; give a file or a folder, or null for the hub")
        if path.suffix not in ENDINGS:
            raise InputError(f"{key}.path", path, f"has an unknown format; give a file that ends in {', '.join(ENDINGS)}")
        return path


@dataclass(frozen=True)
class TopicCorpus:
    """A source of forget texts for each topic, and one source of retain texts for all topics.

    Texts LONGER than `min_characters` are kept unchanged, as in the released code; blank ones are dropped. `limit` keeps the
    first texts of each source, in file order, and reads no further; 0 keeps all. Shuffling comes after that. `strip` takes white
    space off the ends of forget texts, `max_characters` cuts all texts (0: none), `raw_topic` has its lines of JSON not parsed.
    """

    forget: dict[str, TextSource]
    retain: TextSource
    order: Order
    min_characters: int
    headings: Headings
    limit: int
    strip: bool = False
    max_characters: int = 0
    raw_topic: str = ""

    def __post_init__(self) -> None:
        if not self.forget:
            raise InputError("corpus.forget", "{}", "give at least one topic")
        for key in ("min_characters", "limit", "max_characters"):
            if vars(self)[key] < 0:
                raise InputError(f"corpus.{key}", vars(self)[key], "give 0 or more")
        if self.raw_topic and self.raw_topic not in self.forget:
            raise InputError("corpus.raw_topic", self.raw_topic, f"is no topic; give '' or one of {', '.join(self.forget)}")

    def missing(self) -> list[str]:
        """Return a line for each source that is not available locally."""
        return [line for key, source in self._sources().items() for line in source.missing(key)]

    def repositories(self) -> tuple[hub.Repo, ...]:
        """Return the repositories of the sources that have no copy."""
        return tuple(source.repository(key) for key, source in self._sources().items() if source.path is None)

    def commits(self) -> Mapping[str, str]:
        """Return the commit of each hub repository in the local cache."""
        repositories = {source.repo: source.repository(key) for key, source in self._sources().items() if source.path is None}
        return {name: folder.name for name, repo in repositories.items() if (folder := hub.cached_snapshot(repo))}

    def topics(self, seed: int) -> tuple[Topic, ...]:
        """Return the topics in the order given; all have the same retain texts."""
        texts = {key: self._texts(key, source, seed) for key, source in self._sources().items()}
        return tuple(Topic(name, texts[f"corpus.forget.{name}"], texts["corpus.retain"]) for name in self.forget)

    def _sources(self) -> dict[str, TextSource]:
        return {f"corpus.forget.{name}": source for name, source in self.forget.items()} | {"corpus.retain": self.retain}

    def _texts(self, key: str, source: TextSource, seed: int) -> tuple[Text, ...]:
        forget, found = source is not self.retain, source.texts(key, raw=key == f"corpus.forget.{self.raw_topic}")
        ends = (text.strip() if forget and self.strip else text for text in found)
        texts = [text[: self.max_characters or None] for text in islice(filter(self._selected, ends), self.limit or None)]
        if not texts:
            raise InputError(key, source.path or source.repo, f"has no text above {self.min_characters} characters; lower it")
        if self.order is Order.shuffled:
            seeds.random(seed, "corpus", key).shuffle(texts)
        return tuple(Text("", text) for text in texts)

    def _selected(self, text: str) -> bool:
        if len(text) <= self.min_characters or not text.strip():
            return False
        return self.headings is Headings.keep or not HEADING.fullmatch(text)
