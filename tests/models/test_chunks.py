import pytest
import torch

from rna_bench.models import chunks as rows
from rna_bench.models.chunks import chunked_values

HIDDEN = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
MATRIX = torch.randn(4, 7, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(10) % 7


def value(hidden, at):
    return torch.nn.functional.cross_entropy(hidden @ MATRIX, LABELS[at], reduction="none")


@pytest.mark.parametrize("chunk", [1, 3, 10, 99])
def test_values_and_gradients_of_chunks_are_those_of_the_whole(monkeypatch, chunk):
    monkeypatch.setattr(rows, "CHUNK_ELEMENTS", chunk * 7)
    weights = torch.linspace(-1, 2, 10)  # what comes from above differs from row to row
    chunked, whole = HIDDEN.clone().requires_grad_(), HIDDEN.clone().requires_grad_()
    ours, theirs = chunked_values(chunked, value, 7), value(whole, slice(0, 10))
    (ours * weights).sum().backward()
    (theirs * weights).sum().backward()
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(chunked.grad, whole.grad)


@pytest.mark.parametrize(("elements", "sizes"), [(21, [3, 3, 3, 1]), (27, [3, 3, 3, 1]), (70, [10]), (3, [1] * 10)])
@pytest.mark.parametrize("grad", [True, False])
def test_no_chunk_is_larger_than_its_limit_unless_it_is_one_row(monkeypatch, elements, sizes, grad):
    monkeypatch.setattr(rows, "CHUNK_ELEMENTS", elements)
    seen = []
    chunked_values(HIDDEN.clone().requires_grad_(grad), lambda h, at: seen.append((len(h), at)) or h.sum(1), 7)
    assert [size for size, _ in seen] == sizes
    assert [row for _, at in seen for row in range(at.start, at.stop)] == list(range(10))


def test_nothing_is_kept_for_a_backward_pass_that_cannot_come():
    assert not chunked_values(HIDDEN, value, 7).requires_grad
    with torch.no_grad():
        assert not chunked_values(HIDDEN.clone().requires_grad_(), value, 7).requires_grad


def test_gradients_reach_nothing_but_the_rows():
    matrix, hidden = MATRIX.clone().requires_grad_(), HIDDEN.clone().requires_grad_()
    chunked_values(hidden, lambda h, _: (h @ matrix).logsumexp(1), 7).sum().backward()
    assert matrix.grad is None
    assert hidden.grad is not None


def test_the_gradient_of_bfloat16_rows_is_bfloat16():
    hidden = HIDDEN.bfloat16().requires_grad_()
    chunked_values(hidden, lambda h, at: value(h.float(), at), 7).sum().backward()
    assert hidden.grad.dtype == torch.bfloat16


def test_chunks_are_larger_on_a_gpu():
    assert rows.chunk_elements("cuda") > rows.chunk_elements("cpu") == rows.CHUNK_ELEMENTS
