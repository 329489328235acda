from __future__ import annotations

import numpy as np
import pytest
from tests.analysed import SIZE, analysed, analysed_once, squares  # noqa: F401

from napari_tmaps.errors import FormatError, InputError, NotFoundError, StorageError
from napari_tmaps.model.progress import finish
from napari_tmaps.pipeline.correcting import restore
from napari_tmaps.store.corrections import Corrections, SiteObjects
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.streams import ngff

PLACE = SiteObjects("Blocks", "P1", "B03", 2)
OTHER = SiteObjects("Blocks", "P1", "B02", 1)


@pytest.fixture
def experiment(analysed):  # noqa: F811
    with Experiment.open(analysed) as opened:
        yield opened


def read(experiment, place=PLACE):
    return experiment.labels(*place[1:4], place.object_type, t=place.t)


def cut(labels):
    """The second square in two, and the first gone."""
    after = labels.copy()
    after[0, 47, 12:26] = 0
    after[0, 48:54, 12:26] = 4
    after[after == 1] = 0
    return after


def test_a_change_is_kept_at_all_levels_and_told_to_the_pixel(experiment):
    before = read(experiment)
    after = cut(before)
    edit = Corrections(experiment).save(PLACE, before, after)
    assert edit.number == 1
    assert edit.box == (0, 1, 10, 54, 10, 30)
    assert edit.gone == (1, 2)
    assert edit.made == (4,)
    assert edit.touched == (1, 2, 4)
    assert np.array_equal(read(experiment), after)
    folder = experiment.plate("P1").labels_path("B03", 2, "Blocks")
    for n, level in enumerate(ngff.read_levels(folder)):
        assert np.array_equal(level[0, 0, 0], after[0, :: 1 << n, :: 1 << n])
    assert np.array_equal(Corrections(experiment).truth(PLACE), after)
    assert Corrections(experiment).corrected() == [PLACE]
    assert Corrections(experiment).save(PLACE, after, after) is None


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_all_levels_of_large_labels_change_in_the_part_alone(tmp_path, version):
    random = np.random.default_rng(1)
    labels = random.integers(0, 9, (2, 1501, 1203), np.int32)
    with ngff.ImageWriter(
        tmp_path / "l", shape=(2, 1, 1, 1501, 1203), dtype=np.int32, labels=True, version=version
    ) as writer:
        for t in range(2):
            writer.write_plane(t, 0, 0, labels[t])
    region = random.integers(0, 9, (531, 777), np.int32)
    ngff.update_labels(tmp_path / "l", (1, 0), (333, 101), region)
    labels[1, 333:864, 101:878] = region
    levels = ngff.read_levels(tmp_path / "l")
    assert len(levels) == 4
    for n, level in enumerate(levels):
        assert np.array_equal(level[:, 0, 0], labels[:, :: 1 << n, :: 1 << n])


def test_undo_goes_back_through_sites_and_sessions(experiment):
    start, other = read(experiment), read(experiment, OTHER)
    Corrections(experiment).save(PLACE, start, cut(start))
    Corrections(experiment).save(OTHER, other, np.zeros_like(other))
    with Experiment.open(experiment.path) as again:
        corrections = Corrections(again)
        assert corrections.last().place == OTHER
        assert corrections.undo().place == OTHER
        assert np.array_equal(read(again, OTHER), other)
        assert corrections.corrected() == [PLACE]
        corrections.undo()
        assert np.array_equal(read(again), start)
        assert corrections.corrected() == []
        with pytest.raises(NotFoundError, match="no correction to undo"):
            corrections.undo()
        with pytest.raises(NotFoundError, match="no corrections of Blocks of P1 B03 site 2"):
            corrections.truth(PLACE)
        corrections.redo()
        assert np.array_equal(read(again), cut(start))
        assert np.array_equal(corrections.truth(PLACE), cut(start))
        corrections.redo()
        with pytest.raises(NotFoundError, match="no correction to redo"):
            corrections.redo()
        corrections.undo()
        # Whoever changes something after an undo cannot redo.
        corrections.save(OTHER, other, np.where(other == 2, 0, other))
        assert corrections.next() is None
        assert [edit.number for edit in corrections.edits()] == [1, 3]


def test_what_was_interrupted_is_finished_when_it_is_opened_again(experiment, monkeypatch):
    start = read(experiment)

    def power_failure(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Corrections, "_write", power_failure)
        with pytest.raises(KeyboardInterrupt):
            Corrections(experiment).save(PLACE, start, cut(start))
    assert np.array_equal(read(experiment), start)
    assert Corrections(experiment).last().touched == (1, 2, 4)
    assert np.array_equal(read(experiment), cut(start))
    journal = experiment.path / "corrections" / "journal.jsonl"
    with journal.open("a") as file:
        file.write('{"event": "und')  # a line that was being written
    assert Corrections(experiment).undo().is_undone
    assert np.array_equal(read(experiment), start)
    journal.write_text("nonsense\n" + journal.read_text())
    with pytest.raises(FormatError, match=r"journal\.jsonl' is damaged"):
        Corrections(experiment)


def test_a_full_disk_leaves_all_as_it_was(experiment, monkeypatch):
    start = read(experiment)

    def full(file, **_):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez_compressed", full)
        with pytest.raises(StorageError, match="The disk is full"):
            Corrections(experiment).save(PLACE, start, cut(start))
    assert np.array_equal(read(experiment), start)
    assert Corrections(experiment).last() is None
    assert not list((experiment.path / "corrections" / "edits").iterdir())


def test_what_does_not_fit_is_one_sentence(experiment):
    start, corrections = read(experiment), Corrections(experiment)
    with pytest.raises(InputError, match="changed by somebody else meanwhile"):
        corrections.save(PLACE, cut(start), start)
    with pytest.raises(InputError, match="cannot take the place"):
        corrections.save(PLACE, start, start[:, 1:])
    with pytest.raises(InputError, match="whole numbers from 0 to 65,535"):
        corrections.save(PLACE, start, np.where(start == 1, 70_000, start))
    with pytest.raises(NotFoundError, match="no object type 'Blobs'"):
        corrections.save(PLACE._replace(object_type="Blobs"), start, cut(start))
    with pytest.raises(NotFoundError, match="no corrections"):
        corrections.truth(PLACE)


def test_a_correction_outlives_another_analysis_and_can_be_put_back(experiment):
    start, corrections = read(experiment), Corrections(experiment)
    corrections.save(PLACE, start, cut(start))
    new = np.zeros((1, 1, SIZE, SIZE), np.int32)
    new[0, 0, 5, 5] = 1
    experiment.plate("P1").write_labels(
        "B03", 2, "Blocks", new, pixel_size_um=(None, 0.5, 0.5), translation_um=(0, 0, 0)
    )
    with pytest.raises(InputError, match="analysed since"):
        corrections.undo()
    assert np.array_equal(corrections.truth(PLACE)[0], cut(squares()[np.newaxis])[0])
    finish(restore(experiment, PLACE))
    assert np.array_equal(read(experiment), cut(start))
    corrections.undo()
    assert np.array_equal(read(experiment), new[0])
