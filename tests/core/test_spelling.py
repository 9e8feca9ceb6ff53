from rna_bench.core.spelling import choose_one, nearest


def test_the_most_alike_comes_first_and_what_is_not_alike_is_left_out():
    assert nearest("rmuu", ["npo", "rsv", "adaptive_rmu", "rmu"]) == ["rmu"]
    assert nearest("METHOD", ["model", "method"]) == ["method"]
    assert nearest("x", ["model", "method"]) == []


def test_the_remedy_names_what_is_near_and_then_all():
    assert choose_one("rnu", ["run", "rmu"]) == "did you mean run or rmu? choose one of run, rmu"
    assert choose_one("nothing", ["a", "b"]) == "choose one of a, b"
