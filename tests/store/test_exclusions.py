"""Sites that are taken out by hand: kept with a reason, skipped, and told."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.gui.plate import PIPELINE, make_experiment

from napari_tmaps.errors import InputError, NotFoundError
from napari_tmaps.model.progress import run
from napari_tmaps.pipeline import load_pipeline
from napari_tmaps.store.exclusions import change, excluded, history
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow import analyse


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_experiment(tmp_path_factory.mktemp("excluded"))


def test_what_was_done_is_kept_in_order(path: Path) -> None:
    with Experiment.open(path) as experiment:
        change(experiment.catalogue, "exclude", [("P1", "B02", 1), ("P1", "B02", 2)], "dust", "eva")
        change(experiment.catalogue, "include", [("P1", "B02", 1)], "looked again", "ben")
    with Experiment.open(path) as experiment:
        assert excluded(experiment.catalogue) == {("P1", "B02", 2): "dust"}
        table = history(experiment.catalogue)
    assert table[["who", "action", "well", "site", "reason"]].to_numpy().tolist() == [
        ["eva", "exclude", "B02", 1, "dust"],
        ["eva", "exclude", "B02", 2, "dust"],
        ["ben", "include", "B02", 1, "looked again"],
    ]
    assert table["when"].str.endswith("+00:00").all()


@pytest.mark.parametrize(
    ("action", "site", "reason", "error", "words"),
    [
        ("exclude", ("P1", "B02", 1), " ", InputError, "Say why"),
        ("remove", ("P1", "B02", 1), "dust", InputError, "'remove' should be"),
        ("exclude", ("P1", "B02", 9), "dust", NotFoundError, "no site 9 of well B02"),
    ],
)
def test_refused(
    path: Path, action: str, site: tuple, reason: str, error: type, words: str
) -> None:
    with Experiment.open(path) as experiment:
        before = len(history(experiment.catalogue))
        with pytest.raises(error, match=words):
            change(experiment.catalogue, action, [("P1", "B02", 2), site], reason)
        assert len(history(experiment.catalogue)) == before


def test_excluded_sites_are_not_analysed_and_it_is_said(tmp_path: Path) -> None:
    file = tmp_path / "blocks.yaml"
    file.write_text(PIPELINE)
    with Experiment.open(make_experiment(tmp_path)) as experiment:
        change(experiment.catalogue, "exclude", [("P1", "B03", 4)], "out of focus")
        events = list(analyse(experiment, load_pipeline(file), workers=1))
        found = experiment.features.read("Blocks").reset_index()[["well", "site"]]
        assert len(found.drop_duplicates()) == 11
        assert not ((found["well"] == "B03") & (found["site"] == 4)).any()
        assert any(event.message == "1 site: P1 B03 site 4. Excluded by hand." for event in events)
        # Taken in again, it is analysed, and only it.
        change(experiment.catalogue, "include", [("P1", "B03", 4)], "fine after all")
        assert not run(analyse(experiment, load_pipeline(file), workers=1))
        found = experiment.features.read("Blocks").reset_index()[["well", "site"]]
        assert len(found.drop_duplicates()) == 12
