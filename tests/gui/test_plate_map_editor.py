"""The plate map is typed, pasted and read from files; what was changed is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qtpy.QtWidgets import QFileDialog

from napari_tmaps.gui.map_values import Measure, measures, well_colours
from napari_tmaps.gui.plate_map_editor import PlateMapEditor
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.plate_map import load_plate_map, plate_map_history

WELLS = {"P1": ["B02", "B03", "C03"]}


@pytest.fixture
def editor(qtbot: Any, tmp_path: Path) -> PlateMapEditor:
    widget = PlateMapEditor(tmp_path, WELLS)
    qtbot.addWidget(widget)
    return widget


def values(editor: PlateMapEditor) -> dict[tuple[str, str], str]:
    return {(well, name): text for (_, well, name), text in editor.value().values().items()}


def test_one_value_for_the_wells_that_were_selected(editor: PlateMapEditor) -> None:
    editor.choose("P1", ["B02", "C03"])
    editor.fill_text.setText("DMSO")
    editor.fill_button.click()
    assert values(editor) == {("B02", "treatment"): "DMSO", ("C03", "treatment"): "DMSO"}


def test_a_block_of_a_spreadsheet(editor: PlateMapEditor) -> None:
    editor.choose("P1", ["B03"])
    editor.paste("DMSO\t0\ndrug\t2.5\nnobody\t9\n")
    assert values(editor) == {
        ("B03", "treatment"): "DMSO",
        ("B03", "dose"): "0",
        ("C03", "treatment"): "drug",
        ("C03", "dose"): "2.5",
    }
    assert "2 cells lie beyond" in editor._message.text()


def test_a_table_is_put_in_by_its_wells(editor: PlateMapEditor) -> None:
    editor.paste("Well\tControl\tcell line\nc3\tpositive\tHeLa\nZ9\tnegative\tHeLa")
    assert values(editor) == {("C03", "control"): "positive", ("C03", "cell line"): "HeLa"}
    assert "1 lines are of no well" in editor._message.text()


def test_a_layout_of_the_plate(editor: PlateMapEditor) -> None:
    editor.paste("\t2\t3\nB\tx\ty\nC\t\tz")
    assert values(editor) == {
        ("B02", "treatment"): "x",
        ("B03", "treatment"): "y",
        ("C03", "treatment"): "z",
    }


def test_a_value_that_does_not_fit_is_told_and_nothing_is_saved(
    editor: PlateMapEditor, tmp_path: Path
) -> None:
    editor.choose("P1", ["B03"])
    editor.paste("DMSO\tmuch")
    editor.accept()
    assert "the dose 'much' is no number" in editor._message.text()
    assert load_plate_map(tmp_path, ["P1"]) is None


def test_saved_and_kept_with_what_was_before(
    editor: PlateMapEditor, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor.paste("DMSO\t1\ndrug\t2")
    with qtbot.waitSignal(editor.saved):
        editor.accept()
    again = PlateMapEditor(tmp_path, WELLS)
    qtbot.addWidget(again)
    assert values(again) == values(editor)
    again.choose("P1", ["B02"])
    again.paste("water")
    again.accept()
    told = plate_map_history(tmp_path)
    changes = told[["well", "column", "before", "after"]].to_numpy().tolist()
    assert changes == [
        ["B02", "treatment", "", "DMSO"],
        ["B02", "dose", "", "1"],
        ["B03", "treatment", "", "drug"],
        ["B03", "dose", "", "2"],
        ["B02", "treatment", "DMSO", "water"],
    ]
    assert told["who"].all()
    assert told["when"].is_monotonic_increasing
    # A file takes the place of all of it.
    (tmp_path / "other.csv").write_text("well,treatment\nB03,other\n")
    chosen = str(tmp_path / "other.csv"), ""
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *args: chosen)
    again.open_button.click()
    assert values(again) == {("B03", "treatment"): "other"}


def test_wells_are_coloured_by_columns(own_experiment: Path) -> None:
    with Experiment.open(own_experiment) as experiment:
        assert Measure("", "treatment") not in measures(experiment)
        table = "plate,well,treatment,dose\nP1,B02,drug,2\nP1,B03,DMSO,\n"
        (own_experiment / "plate_map.csv").write_text(table)
        assert Measure("", "treatment") in measures(experiment)
        found = well_colours(experiment, "P1", Measure("", "treatment"))
        assert [name for name, _ in found.classes] == ["DMSO", "drug"]
        assert found.values == {"B02": 1.0, "B03": 0.0}
        assert well_colours(experiment, "P1", Measure("", "dose")).values == {"B02": 2.0}


def test_columns_reach_the_tables_of_objects(own_experiment: Path) -> None:
    from napari_tmaps.model.progress import run
    from napari_tmaps.pipeline import load_pipeline
    from napari_tmaps.tools.run import open_data
    from napari_tmaps.workflow import analyse

    (own_experiment / "plate_map.csv").write_text("well,treatment\nB02,drug\n")
    with Experiment.open(own_experiment) as experiment:
        run(analyse(experiment, load_pipeline(own_experiment / "pipelines" / "blocks.yaml")))
        table = open_data(experiment, "Blocks").table
        column: Any = table.column("treatment")
        assert column.names == ("drug",)
        assert column.codes.tolist() == [0] * 4 + [-1] * 8


def test_without_a_cell_there_is_nothing_to_paste_into(
    own_experiment: Path, editor: PlateMapEditor, qtbot: Any
) -> None:
    while editor._columns():
        editor.table.clearSelection()
        editor.table.item(0, editor._fixed).setSelected(True)
        editor.remove_button.click()
    without_wells = PlateMapEditor(own_experiment, {"P1": []})
    qtbot.addWidget(without_wells)
    for each in (editor, without_wells):
        for text in ("\t1\t2\t3\nA\ta\tb\tc\nB\td\te\tf\n", "a\tb\nc\td"):
            each.paste(text)
            assert "no cell to paste into" in each._message.text()
    editor.paste("well\tdose\nB02\t5")
    assert editor._columns() == ["dose"]
