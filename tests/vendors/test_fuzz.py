"""A few of the fuzzer's trials for each reader; `make fuzz` runs many."""

from __future__ import annotations

import gc

import pytest
from tests.vendors import fuzz

TRIALS = 12


# Libraries leave damaged files to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", sorted(fuzz.seeds()))
def test_damaged_files_give_our_errors_alone(tmp_path, name):
    try:
        target = fuzz.Target(name, tmp_path)
    except FileNotFoundError as error:
        pytest.skip(f"needs a real file: {error}")
    found = {number: target.trial(2026, number) for number in range(TRIALS)}
    gc.collect()
    assert {number: what for number, what in found.items() if what is not None} == {}
