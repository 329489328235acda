"""Maps that are older than the data: told in the window, and made anew by a button."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from napari.components import ViewerModel

from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.gui.map_age import age_in_words
from napari_tmaps.gui.state import Choice, Pixels, View
from napari_tmaps.model.progress import run
from napari_tmaps.pipeline import load_pipeline
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.mapfiles import read_state
from napari_tmaps.workflow import analyse
from napari_tmaps.workflow.corilla import CorillaArguments, IlluminationCalculator
from napari_tmaps.workflow.illuminati import IlluminatiArguments, PyramidBuilder
from napari_tmaps.workflow.local import run_step

WORDS = [
    pytest.param({}, "", id="new"),
    pytest.param(
        {"A01": ("channel:DAPI", "labels:Nuclei"), "A02": ("labels:Nuclei",)},
        "The map of P is older than the data: DAPI in 1 well, Nuclei in 2 wells.",
        id="two",
    ),
    pytest.param(
        {"A01": tuple(f"channel:{n}" for n in range(6))},
        "The map of P is older than the data: 0 in 1 well, 1 in 1 well, 2 in 1 well, 3 in 1 well, "
        "2 more.",
        id="many",
    ),
]


@pytest.mark.parametrize(("wells", "words"), WORDS)
def test_age_in_words(wells: dict[str, tuple[str, ...]], words: str) -> None:
    assert age_in_words("P", wells) == words


@pytest.fixture
def widget(qtbot: Any) -> Iterator[ExperimentWidget]:
    widget = ExperimentWidget(ViewerModel())
    qtbot.addWidget(widget)
    widget.show()
    yield widget
    settle(widget, qtbot)
    widget.close_experiment()


def settle(widget: ExperimentWidget, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not (widget.is_busy or widget.is_looking))


def old(widget: ExperimentWidget) -> str:
    return widget.site_page.old.text()


def build(path: Path, **arguments: Any) -> None:
    with Experiment.open(path) as experiment:
        run(run_step(PyramidBuilder(experiment), IlluminatiArguments(**arguments), workers=1))


def test_a_map_that_is_older_than_the_objects(
    widget: ExperimentWidget, own_experiment: Path, qtbot: Any
) -> None:
    build(own_experiment)
    widget.setValue(Choice(str(own_experiment), view=View.PLATE))
    settle(widget, qtbot)
    assert not old(widget)
    assert not widget.site_page.map_button.isVisibleTo(widget.site_page)

    with Experiment.open(own_experiment) as other:
        run(analyse(other, load_pipeline(own_experiment / "pipelines" / "blocks.yaml"), workers=1))
    widget._desk.tablesChanged.emit("")  # as a widget says that has analysed or corrected
    settle(widget, qtbot)
    assert old(widget) == "⚠ The map of P1 is older than the data: Blocks in 3 wells."
    # It is told beside a site, too, where nothing lacks.
    widget.setValue(replace(widget.value(), view=View.SITE))
    assert old(widget)
    assert widget.site_page.map_button.text() == "Rebuild the map"

    widget.site_page.map_button.click()
    settle(widget, qtbot)
    assert not old(widget)
    assert not widget.site_page.map_button.isVisibleTo(widget.site_page)


def test_it_is_rebuilt_as_it_was(
    widget: ExperimentWidget, own_experiment: Path, qtbot: Any
) -> None:
    """Whoever looks at images as recorded does not lose the corrected map."""
    arguments = CorillaArguments()
    with Experiment.open(own_experiment) as experiment:
        run(run_step(IlluminationCalculator(experiment), arguments, workers=1))
    build(own_experiment, illumcorr=True)
    with Experiment.open(own_experiment) as experiment:
        step = IlluminationCalculator(experiment)
        run(run_step(step, arguments.model_copy(update={"method": "flat"}), workers=1))
    choice = Choice(str(own_experiment), view=View.SITE, pixels=Pixels.RECORDED)
    widget.setValue(choice)
    settle(widget, qtbot)
    assert "DAPI in 3 wells" in old(widget)
    widget.site_page.map_button.click()
    settle(widget, qtbot)
    assert not old(widget)
    state = read_state(own_experiment / "maps" / "P1")
    assert set(state["settings"]["corrected"]) == {"Actin", "DAPI"}


def test_nothing_is_said_once_the_experiment_is_closed(
    widget: ExperimentWidget, own_experiment: Path, qtbot: Any
) -> None:
    build(own_experiment)
    with Experiment.open(own_experiment) as other:
        run(analyse(other, load_pipeline(own_experiment / "pipelines" / "blocks.yaml"), workers=1))
    widget.setValue(Choice(str(own_experiment)))
    widget.close_experiment()
    settle(widget, qtbot)
    assert not old(widget)


def test_the_map_of_another_experiment_is_not_told_to_be_old(
    widget: ExperimentWidget, own_experiment: Path, tmp_path: Path, qtbot: Any
) -> None:
    other = Path(shutil.copytree(own_experiment, tmp_path / "other.tmaps"))
    build(other)
    build(own_experiment)
    with Experiment.open(own_experiment) as opened:
        run(analyse(opened, load_pipeline(own_experiment / "pipelines" / "blocks.yaml"), workers=1))
    widget.setValue(Choice(str(own_experiment)))
    settle(widget, qtbot)
    assert old(widget)
    widget.setValue(Choice(str(other)))
    assert not old(widget)
    settle(widget, qtbot)
    assert not old(widget)
