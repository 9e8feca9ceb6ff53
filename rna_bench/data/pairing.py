"""Pairs of clean questions and questions that come perturbed: by subject and stem, by options where that is not enough."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, NamedTuple

from rna_bench.core.perturbed import GivenQuestion, Pairing
from rna_bench.core.types import Question
from rna_bench.data.changes import changed_parts, described, slots, words_of

STEM, STEM_AND_OPTIONS = "stem", "stem and options"
INSERTED, OPTIONS, ROW = "options and words of the stem", "options", "options and row"
"""How pairs are found, in the order in which it is tried."""
NO_CLEAN, NO_PERTURBED = "no clean question", "no perturbed question"
ANSWER, NO_WORD = "another answer", "no forget word in what was changed"
"""Why questions are not asked."""


class QuestionPair(NamedTuple):
    """A clean question, the perturbed one of it, and how they were found."""

    clean: Question
    given: Question
    found: str


@dataclass
class SubjectPairs:
    """The questions of a subject that have no partner yet, in their order, and the pairs that were found."""

    clean: list[Question]
    given: list[Question]
    pairs: list[QuestionPair] = field(default_factory=list)

    def pair(self, clean: Question, given: Question, found: str) -> None:
        self.clean.remove(clean)
        self.given.remove(given)
        self.pairs.append(QuestionPair(clean, given, found))

    def alike(self, key: Callable[[Question], Hashable]) -> list[tuple[list[Question], list[Question]]]:
        """Return the clean and the perturbed questions of each value that both sides have."""
        sides = _grouped(self.clean, key), _grouped(self.given, key)
        return [(own, sides[1][value]) for value, own in sides[0].items() if value in sides[1]]


@dataclass(frozen=True)
class Paired:
    """Clean questions, the perturbed ones by the ids of the clean ones, and how they were paired."""

    clean: tuple[Question, ...]
    given: dict[str, GivenQuestion]
    pairing: Pairing

    def first(self, limit: int) -> "Paired":
        """Return the first `limit` questions of each subject; 0, all."""
        by_subject = _grouped(self.clean, lambda question: question.subject)
        clean = tuple(question for own in by_subject.values() for question in own[: limit or None])
        return replace(self, clean=clean, given={question.id: self.given[question.id] for question in clean})


def paired(clean: Sequence[Question], given: Sequence[Question], words: Sequence[str]) -> Paired:
    """Return the pairs that are usable, and how all were paired; `words` are those that were put into the questions.

    A pair whose answer differs, or whose change has none of the words, is left out, as are questions without a partner.
    """
    by_subject = [_grouped(questions, lambda question: question.subject) for questions in (clean, given)]
    pairs: dict[str, QuestionPair] = {}
    left_out: dict[str, list[str]] = defaultdict(list)
    for subject in dict.fromkeys((*by_subject[0], *by_subject[1])):
        unpaired = subject_pairs(*(side.get(subject, []) for side in by_subject))
        pairs |= {pair.clean.id: pair for pair in unpaired.pairs}
        left_out[NO_CLEAN] += [question.id for question in unpaired.given]
        left_out[NO_PERTURBED] += [question.id for question in unpaired.clean]
    in_order = [pairs[question.id] for question in clean if question.id in pairs]
    usable: dict[str, GivenQuestion] = {}
    for pair in in_order:
        where = slots(pair.clean, pair.given, words)
        if pair.given.answer != pair.clean.answer:
            left_out[ANSWER].append(pair.clean.id)
        elif not where and changed_parts(pair.clean, pair.given):
            left_out[NO_WORD].append(pair.clean.id)
        else:
            usable[pair.clean.id] = GivenQuestion(replace(pair.given, id=pair.clean.id, subject=pair.clean.subject), where)
    questions = tuple(pair.clean for pair in in_order if pair.clean.id in usable)
    return Paired(questions, usable, _pairing(in_order, len(usable), left_out))


def subject_pairs(clean: Sequence[Question], given: Sequence[Question]) -> SubjectPairs:
    """Return the pairs of one subject, and the questions that have no partner.

    The same stem makes a pair where no other question of the subject has it; of questions with one stem those are pairs that
    share most options. Where the stem was changed, the same options make a pair: if the clean stem's words are in the perturbed
    one in their order, or no other question left has these options, or both sides have as many questions and the two stand in
    the same row.
    """
    rows = {id(question): row for side in (clean, given) for row, question in enumerate(side)}
    unpaired = SubjectPairs(list(clean), list(given))

    def apart(one: Question, other: Question) -> tuple[bool, int]:
        return one.answer != other.answer, abs(rows[id(one)] - rows[id(other)])

    for own, theirs in unpaired.alike(_stem):
        if len(own) == len(theirs) == 1:
            unpaired.pair(own[0], theirs[0], STEM)
            continue
        for pair in _in_turn(own, theirs, lambda one, other: (-_shared(one, other), *apart(one, other)), _shared):
            unpaired.pair(*pair, STEM_AND_OPTIONS)
    for own, theirs in unpaired.alike(_options):
        for pair in _in_turn(own, theirs, apart, _inserted):
            unpaired.pair(*pair, INSERTED)
    for own, theirs in unpaired.alike(_options):
        if len(own) == len(theirs) == 1:
            unpaired.pair(own[0], theirs[0], OPTIONS)
        elif len(clean) == len(given):
            for pair in _in_turn(own, theirs, apart, lambda one, other: apart(one, other)[1] == 0):
                unpaired.pair(*pair, ROW)
    return unpaired


def _in_turn(
    clean: Sequence[Question],
    given: Sequence[Question],
    order: Callable[[Question, Question], Any],
    fits: Callable[[Question, Question], object],
) -> Iterator[tuple[Question, Question]]:
    """Yield pairs that fit, in an order, each question once."""
    used: set[int] = set()
    for one, other in sorted(product(clean, given), key=lambda pair: order(*pair)):
        if not used & {id(one), id(other)} and fits(one, other):
            used |= {id(one), id(other)}
            yield one, other


def _shared(clean: Question, given: Question) -> int:
    return sum(one == other for one, other in zip(_options(clean), _options(given), strict=True))


def _inserted(clean: Question, given: Question) -> bool:
    """Return whether the words of the clean stem are in the perturbed one, in their order."""
    words = iter(given.stem.split())
    return all(word in words for word in clean.stem.split())


def _stem(question: Question) -> str:
    return words_of(question.stem)


def _options(question: Question) -> tuple[str, ...]:
    return tuple(words_of(choice) for choice in question.choices)


def _grouped(questions: Iterable[Question], key: Callable[[Question], Hashable]) -> dict[Hashable, list[Question]]:
    groups: dict[Hashable, list[Question]] = defaultdict(list)
    for question in questions:
        groups[key(question)].append(question)
    return dict(groups)


def _pairing(pairs: Sequence[QuestionPair], usable: int, left_out: dict[str, list[str]]) -> Pairing:
    changes = [described(pair.clean, pair.given) for pair in pairs]
    questions: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for pair, what in zip(pairs, changes, strict=True):
        config, _, number = pair.clean.id.rpartition("/")
        questions[what][config].append(int(number))
    found, changed = Counter(pair.found for pair in pairs), Counter(changes)
    return Pairing(
        usable=usable,
        found={how: found[how] for how in (STEM, STEM_AND_OPTIONS, INSERTED, OPTIONS, ROW) if found[how]},
        changed={what: changed[what] for what in sorted(changed, key=lambda what: (-changed[what], what))},
        wrong_options=_wrong_options(pairs),
        left_out={reason: ids for reason, ids in left_out.items() if ids},
        questions={what: dict(numbers) for what, numbers in sorted(questions.items())},
    )


def _wrong_options(pairs: Sequence[QuestionPair]) -> tuple[int, int, int]:
    """Return how often the first, second and third of the wrong options was replaced, where nothing else was."""
    counts = [0, 0, 0]
    for pair in pairs:
        changed = changed_parts(pair.clean, pair.given)
        if len(changed) == 1 and changed[0] and (place := changed[0] - 1) != pair.clean.answer:
            counts[place - (place > pair.clean.answer)] += 1
    return counts[0], counts[1], counts[2]
