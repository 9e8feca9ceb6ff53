"""The prompt of lm-evaluation-harness for MMLU and WMDP, to the character."""

from rna_bench.schema import LETTERS, Question


def prompt(question: Question) -> str:
    """Return the zero-shot prompt; the continuations to score are " A" .. " D".

    lm-evaluation-harness 0.4.13, tasks/mmlu/default/_default_template_yaml: the description, a blank line, the stripped
    stem, one line a choice (choices are not stripped), "Answer:". Versions before 0.4.4 had one newline, not two.
    """
    subject = question.subject.replace("_", " ")
    options = "".join(f"{letter}. {choice}\n" for letter, choice in zip(LETTERS, question.choices, strict=True))
    head = f"The following are multiple choice questions (with answers) about {subject}.\n\n"
    return f"{head}{question.stem.strip()}\n{options}Answer:"


def answered(question: Question) -> str:
    """Return the prompt with its right answer, as a text to train on."""
    return f"{prompt(question)} {LETTERS[question.answer]}"
