"""Pipelines from files and to files, ours and those of other programs."""

from __future__ import annotations

import json

from tests.gui.pipeline.tuned import build, settle

from napari_tmaps.pipeline import load_pipeline


def test_files(widget, tmp_path):
    build(widget, "threshold_manual", "register_objects")
    widget.bar.fileSaved.emit(str(tmp_path / "mine.yaml"))
    assert load_pipeline(tmp_path / "mine.yaml") == widget.value()
    widget.bar.fileSaved.emit(str(tmp_path / "mine.py"))
    compile((tmp_path / "mine.py").read_text(), "mine.py", "exec")
    build(widget, "fill")
    widget.open_file(str(tmp_path / "mine.yaml"))
    assert widget.steps.names() == ["threshold_manual", "register_objects"]
    (tmp_path / "broken.yaml").write_text("pipeline: [")
    widget.open_file(str(tmp_path / "broken.yaml"))
    assert "broken.yaml" in widget._message.text()


CPPIPE = """CellProfiler Pipeline: http://www.cellprofiler.org
Version:5

IdentifyPrimaryObjects:[module_num:1|enabled:True|wants_pause:False]
    Select the input image:DAPI
    Name the primary objects to be identified:Nuclei
    Typical diameter of objects, in pixel units (Min,Max):8,30
    Use advanced settings?:No

TrackObjects:[module_num:2|enabled:True|wants_pause:False]
    Choose a tracking method:Overlap
"""


def test_pipelines_of_other_programs(widget, tmp_path):
    from napari_tmaps.pipeline import ready_pipelines
    from napari_tmaps.pipeline.jterator_project_export import save_project

    save_project(ready_pipelines()["nuclei"], tmp_path / "project")
    widget.open_file(str(tmp_path / "project" / "pipeline.yaml"))
    steps = [call.name for call in ready_pipelines()["nuclei"].pipeline]
    assert widget.steps.names() == steps
    assert widget.notes.isVisibleTo(widget)
    widget.bar.opened.emit("", True)
    assert "nuclei" in widget._document.names()  # it can be found again
    widget.bar.opened.emit("nuclei", False)
    assert widget.steps.names() == steps
    widget.bar.fileSaved.emit(str(tmp_path / "mine.yaml"))
    widget.open_file(str(tmp_path / "mine.yaml"))  # of which there is nothing to note
    assert not widget.notes.isVisibleTo(widget)
    settle(widget)
    assert "ms" in widget.numbers.text()
    widget.bar.fileSaved.emit(str(tmp_path / "mine.ipynb"))
    assert json.loads((tmp_path / "mine.ipynb").read_text())["nbformat"] == 4
    (tmp_path / "strange.cppipe").write_text(CPPIPE.replace("DAPI", "DNA"))
    widget.open_file(str(tmp_path / "strange.cppipe"))
    assert "no channel 'DNA'" in widget._message.text()
    settle(widget)
    assert widget.numbers.text() == ""
    (tmp_path / "other.cppipe").write_text(CPPIPE)
    widget.open_file(str(tmp_path / "other.cppipe"))
    assert widget.notes.isVisibleTo(widget)
    left_out, differs = widget.notes.text.toPlainText().split("Done in another way")
    assert "2 TrackObjects" in left_out
    assert "1 IdentifyPrimaryObjects" in differs
    widget.notes.close_button.click()
    assert widget.form.isVisibleTo(widget)
    widget.undo()
    steps = widget.steps.names()
    (tmp_path / "not.cppipe").write_text("nothing of the kind")
    widget.open_file(str(tmp_path / "not.cppipe"))
    assert "not.cppipe" in widget._message.text()
    assert widget.steps.names() == steps
