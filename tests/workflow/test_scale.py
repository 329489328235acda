"""Batches of large screens: what all sites share is read once, and no batch knows all sites."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.workflow.test_illuminati import WELLS, make, write_screen

from napari_tmaps.store import sites
from napari_tmaps.store.catalogue import Catalogue
from napari_tmaps.store.mapplan import PlacedSite
from napari_tmaps.workflow.corilla import CorillaArguments, IlluminationCalculator
from napari_tmaps.workflow.illuminati import IlluminatiArguments, PyramidBuilder
from napari_tmaps.workflow.imextract import ImageExtractor, ImextractArguments


@pytest.fixture
def in_place(tmp_path):
    write_screen(tmp_path / "files")
    with make(tmp_path, in_place=True) as made:
        yield made


STEPS = [
    pytest.param(ImageExtractor, ImextractArguments, id="imextract"),
    pytest.param(IlluminationCalculator, CorillaArguments, id="corilla"),
    pytest.param(PyramidBuilder, IlluminatiArguments, id="illuminati"),
]


@pytest.mark.parametrize(("step", "arguments"), STEPS)
def test_tables_of_the_screen_are_not_read_for_each_batch(in_place, monkeypatch, step, arguments):
    reads: Counter[str] = Counter()

    def counting(name: str):
        read = getattr(Catalogue, name)

        def counted(self):
            reads[name] += 1
            return read(self)

        return counted

    for name in ("sites", "fingerprints", "recorded"):
        monkeypatch.setattr(Catalogue, name, counting(name))

    def batches(size: int) -> int:
        reads.clear()
        return sum(1 for _ in step(in_place).create_run_batches(arguments(batch_size=size)))

    batches(1000)
    few = dict(reads)
    monkeypatch.setattr(sites, "_AT_A_TIME", 1)
    assert batches(1) >= len(WELLS)
    assert dict(reads) == few


def test_a_batch_of_the_map_knows_its_own_wells_alone(in_place):
    batches = list(PyramidBuilder(in_place).create_run_batches(IlluminatiArguments(batch_size=1)))
    for batch, well in zip(batches, WELLS, strict=True):
        assert {PlacedSite(*site).well for site in batch["plan"]["sites"]} == {well}
        assert list(batch["plan"]["grid"]["cells"]) == [well]
