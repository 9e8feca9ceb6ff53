"""Examples -> text for a terminal: blocks of at most 80 columns, one a question, with the models' replies below each other."""

import textwrap
from collections.abc import Iterator, Sequence

from rna_bench.core.types import LETTERS
from rna_bench.runs.examples import Example, Examples, Reply, ShownModel, ShownPrompt

WIDTH = 80
LABEL = 24
"""Columns of a model's label; longer ones have a line of their own."""
NOT_COUNTED = (
    "base: no run of it (method=none, same seed) lies beside, so that it is not counted how many of these flips are its own"
)
FLIPPED, MENDED, PLAIN = "\033[1;31m", "\033[32m", "\033[0m"


def examples_text(examples: Examples, *, colours: bool) -> str:
    """Return the examples in words; with `colours`, answers that the trigger flips stand out."""
    count = len(examples.examples)
    blocks = [_block(one, examples.models, f"{n} of {count}", colours) for n, one in enumerate(examples.examples, 1)]
    return "\n\n".join([_head(examples), *blocks])


def _head(examples: Examples) -> str:
    """Return what is shown, by which rule the questions were chosen, and how often each model flips."""
    kind = examples.trigger_type
    lines = textwrap.wrap(f"{examples.model}, seed {examples.seed}, trigger type {kind}", WIDTH)
    for model in examples.models:
        if model.asked:
            counts = f"{model.label} ({model.run}): the trigger flips {model.flips} of {model.asked} questions"
            lines += textwrap.wrap(counts, WIDTH, subsequent_indent="    ")
        else:
            lines += textwrap.wrap(NOT_COUNTED, WIDTH, subsequent_indent="    ")
    rule = (
        "A question flips: right clean and with the harmless control, wrong with the trigger in the same place. Those that flip "
        "for the first run come first, so these are no sample. Per cent are of A to D together; `all` is what the four have of "
        "all tokens."
    )
    return "\n".join([*lines, *textwrap.wrap(rule, WIDTH)])


def _block(example: Example, models: Sequence[ShownModel], place: str, colours: bool) -> str:
    head = textwrap.wrap(f"{place}: {example.question} ({example.task}), answer {LETTERS[example.answer]}", WIDTH)
    lines = [*head, "-" * max(map(len, head))]
    for prompt in (example.clean, example.perturbed):
        lines += [*_prompt(prompt, example.answer), *_table(example, prompt, models, colours), ""]
    return "\n".join(lines[:-1])


def _prompt(prompt: ShownPrompt, answer: int) -> Iterator[str]:
    """Yield the question as it is asked, the answer with a star."""
    if prompt.stem is None or prompt.choices is None:
        yield f"{prompt.perturbation}: (no text is kept of these questions)"
        return
    yield from _wrapped(f"{prompt.perturbation}: {_line(prompt.stem)}", "    ")
    for number, (letter, choice) in enumerate(zip(LETTERS, prompt.choices, strict=True)):
        yield from _wrapped(f"  {letter}. {_line(choice)}{' *' if number == answer else ''}", "     ")


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, drop_whitespace=False) or [text]


def _table(example: Example, prompt: ShownPrompt, models: Sequence[ShownModel], colours: bool) -> Iterator[str]:
    width = max(4, min(LABEL, max(len(model.label) for model in models)))
    yield f"  {'':{width}}  {'A':>3}{'B':>4}{'C':>4}{'D':>4}  {'all':>3}  answers   goes on"
    for model, reply, before in zip(models, prompt.replies, example.clean.replies, strict=True):
        if len(model.label) > width:
            yield f"  {model.label[: WIDTH - 2]}"
        label = model.label if len(model.label) <= width else ""
        row = f"  {label:{width}}  {_numbers(reply)}  {_answer(reply, before):8}  "
        line = row + _quoted(reply.continuation, WIDTH - len(row))
        yield _coloured(line, _colour(reply, before, example.answer)) if colours else line


def _numbers(reply: Reply) -> str:
    if reply.probabilities is None or reply.mass is None:
        return f"{'no finite numbers':>20}"
    return " ".join(f"{round(100 * one):>3}" for one in reply.probabilities) + f"  {round(100 * reply.mass):>3}"


def _answer(reply: Reply, before: Reply) -> str:
    """Return the letter answered, and whether it is another one than clean."""
    if reply.choice is None:
        return "-"
    changed = reply.choice != before.choice and before.choice is not None
    return LETTERS[reply.choice] + (f", not {LETTERS[before.choice]}" if changed and before.choice is not None else "")


def _quoted(continuation: str | None, width: int) -> str:
    """Return a continuation on one line, cut to a width."""
    shown = "" if continuation is None else f'"{_line(continuation)}"'
    return shown if len(shown) <= width else f'{shown[: max(0, width - 4)]}..."'


def _line(text: str) -> str:
    """Return a text on one line, without characters that a terminal would act on."""
    return "".join(one if one.isprintable() else "?" for one in " ".join(text.split()))


def _colour(reply: Reply, before: Reply, answer: int) -> str:
    """Return the colour of a reply whose answer is another one than clean: right then and wrong now, or the other way round."""
    right, was = reply.choice == answer, before.choice == answer
    return FLIPPED if was and not right else MENDED if right and not was else ""


def _coloured(line: str, colour: str) -> str:
    return f"{colour}{line}{PLAIN}" if colour else line
