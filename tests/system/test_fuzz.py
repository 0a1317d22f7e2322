"""All that takes input from outside, on MicroPython: the corpus, then as much of it spoilt.

`make fuzz` does it for as long as one likes. What that has found stands in tests/corpus, too.
"""

import ast

import pytest

import fuzz
import fuzz_run
from fuzz_targets import TARGETS

NAMES = [row[0] for row in TARGETS]
CASES = {"buttons": 3, "http": 200}
USUAL = 120


@pytest.mark.parametrize("name", NAMES)
def test_no_input_does_harm(sim_build, name):
    count = CASES.get(name, USUAL)
    found = fuzz.on_micropython(sim_build, name, 1, count)
    assert not found["finds"], "\n".join(
        find["data"] + "\n" + find["text"] for find in found["finds"].values())
    assert found["tries"] == len(fuzz.corpus(name)) + count


def test_a_target_that_cannot_even_start_is_no_success(sim_build, monkeypatch):
    monkeypatch.setattr(fuzz, "corpus", lambda name: [])
    assert "KeyError" in fuzz.on_micropython(sim_build, "nobody", 1, 1)["finds"]["end"]["text"]


def test_the_input_of_a_case_depends_on_its_number_alone():
    corpus = [ast.literal_eval(line) for line in fuzz.corpus("settings")]
    cases = [fuzz_run.case(corpus, number) for number in range(200)]
    assert [fuzz_run.case(corpus, number) for number in reversed(range(200))] == cases[::-1]
    assert len(set(cases)) > 150


def test_every_corpus_has_its_target():
    assert sorted(path.stem for path in fuzz.CORPUS.iterdir()) == sorted(NAMES)
    for name in NAMES:
        assert all(isinstance(ast.literal_eval(line), bytes) for line in fuzz.corpus(name))
