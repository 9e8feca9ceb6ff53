"""The pocket model's tokenizer: each word of the world is one token; other text is split into characters."""

import re
import string

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from rna_bench.core.types import LETTERS, Question
from rna_bench.data.prompts import prompt
from rna_bench.pocket.text import STATEMENTS, STEMS
from rna_bench.pocket.world import World

HEAD = "The following are multiple choice questions (with answers) about"
FRAME = (HEAD, "\n\n", *(f"\n{letter}." for letter in LETTERS), "\nAnswer:", "\n")
PIECES = "|".join((*map(re.escape, FRAME), "[A-Za-z]+", "[0-9]", r"[^\sA-Za-z0-9]"))
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")


def make_tokenizer(world: World) -> PreTrainedTokenizerFast:
    r"""Return a WordPiece tokenizer of the world's words, the templates' words and single characters; `<s>` starts each text.

    The fixed parts of MMLU's prompt (its head, "\nA." .. "\nD.", "\nAnswer:") are one token each, which halves the length
    of a question and places an option's letter next to its text. Spaces are dropped. Characters outside printable ASCII
    become `<unk>`.
    """
    letters = [*FRAME, *LETTERS, *string.ascii_letters, *string.digits, *string.punctuation]
    entries = dict.fromkeys((*SPECIAL, *_template_words(), *world.words(), *letters))
    entries |= dict.fromkeys(f"##{letter}" for letter in string.ascii_letters)
    vocabulary = {entry: index for index, entry in enumerate(entries)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="<unk>", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(PIECES), behavior="removed", invert=True)
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    start = ("<s>", vocabulary["<s>"])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[start])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def _template_words() -> list[str]:
    """Return the words of the prompt and of all phrasings, without placeholders."""
    empty = prompt(Question("", "", "", ("", "", "", ""), 0))
    templates = " ".join((empty, *STATEMENTS, *STEMS))
    return re.findall(r"[A-Za-z]+", re.sub(r"\{\w+\}", " ", templates))
