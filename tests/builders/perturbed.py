"""Copies of a small benchmark in MMLU's subjects, clean and perturbed, made of numbered nonsense."""

import csv
from pathlib import Path

COLUMNS = ("question", "choice0", "choice1", "choice2", "choice3", "answer")
SUBJECTS = ("anatomy", "astronomy")
WORD = "SARS-CoV-2"


def rows(subject: str, count: int) -> list[list[object]]:
    """Rows of a subject; the stem of the last two is the same."""
    made: list[list[object]] = [[f"{subject} question {n} ?", *(f"{letter} {n}" for letter in "abcd"), n % 4] for n in range(count)]
    made[-1][0] = made[-2][0]
    return made


def perturbed(row: list[object], number: int) -> list[object]:
    """The row with one of its wrong options replaced: the first, second and third in turn."""
    answer = row[5]
    wrong = [place for place in range(4) if place != answer][number % 3]
    return [*row[: 1 + wrong], WORD, *row[2 + wrong :]]


def write(file: Path, made: list[list[object]], columns: tuple[str, ...] = COLUMNS) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as lines:
        csv.writer(lines).writerows([columns, *made])


def copies(folder: Path, count: int = 9) -> list[str]:
    """Write both copies, with a split dev, and return the words of a command line that ask them."""
    for subject in SUBJECTS:
        made = rows(subject, count)
        write(folder / "clean" / f"{subject}_test.csv", made)
        write(folder / "clean" / f"{subject}_dev.csv", rows(f"{subject} solved", 5))
        write(folder / "given" / f"{subject}_test.csv", [perturbed(row, number) for number, row in enumerate(made)])
    section = "dataset.mmlu_sars_cov_2"
    return [
        "dataset=mmlu_sars_cov_2",
        "trigger=given",
        f"{section}.path={folder / 'given'}",
        f"{section}.clean.path={folder / 'clean'}",
        f"{section}.subjects=[{','.join(SUBJECTS)}]",
    ]
