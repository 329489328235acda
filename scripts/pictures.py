"""Draws the pictures of the documentation: a real window, driven through each of its states.

tmaps demo demo
scripts/screen.sh run .venv/bin/python scripts/pictures.py demo/sample.tmaps docs/images
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Pipelines of whoever runs this are no part of the pictures; to be set before Qt is loaded.
os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp()

import napari
from napari._qt.utils import QImg2array
from PIL import Image
from qtpy.QtWidgets import QApplication, QWidget

from napari_tmaps.gui.arrangement import open_tissuemaps, show_widget
from napari_tmaps.gui.classes_widget import ClassesWidget
from napari_tmaps.gui.edit_layer import Hand
from napari_tmaps.gui.edit_widget import EditWidget
from napari_tmaps.gui.gallery_state import GalleryChoice
from napari_tmaps.gui.gallery_widget import GalleryWidget
from napari_tmaps.gui.object_rows import RowChoice
from napari_tmaps.gui.objects_widget import ObjectsWidget
from napari_tmaps.gui.picture import open_window, zoom_to_cells
from napari_tmaps.gui.pipeline_widget import PipelineWidget
from napari_tmaps.gui.plot_state import PlotChoice, PlotKind, gate_of
from napari_tmaps.gui.results_widget import ResultsWidget
from napari_tmaps.gui.save_widget import SaveWidget
from napari_tmaps.gui.selection_list import new_selection
from napari_tmaps.gui.tuning import tune
from napari_tmaps.tools.population import Population

SIZE = (1366, 768)


class Camera:
    """Waits until the window is still, and draws it."""

    def __init__(self, viewer: napari.Viewer, folder: Path, is_busy: Callable[[], bool]) -> None:
        self._viewer, self._folder, self._is_busy = viewer, folder, is_busy

    def settle(self, least_s: float = 0.5) -> None:
        """Let the window do what is due."""
        app: Any = QApplication.instance()
        still_since = time.monotonic()
        while self._is_busy() or time.monotonic() - still_since < least_s:
            if self._is_busy():
                still_since = time.monotonic()
            app.processEvents()
            time.sleep(0.01)

    def draw(self, name: str, part: QWidget | None = None) -> None:
        """Draw the window, or a part of it, into a PNG."""
        self.settle()
        path = self._folder / f"{name}.png"
        if part is None:
            pixels = self._viewer.window.screenshot(canvas_only=False, flash=False)
        else:
            pixels = QImg2array(part.grab().toImage())
        # Small enough for a page that loads at once; colours of small things stay what they are.
        image = Image.fromarray(pixels[..., :3])
        image.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3).save(path, optimize=True)
        print(path)


def draw_pipeline_widget(experiment: Path, folder: Path) -> None:
    """The pipeline widget: empty, a threshold, a fault, probe sites, values beside each other."""
    viewer, shown = open_window(experiment)
    _, widget = viewer.window.add_plugin_dock_widget(
        "napari-tmaps", "TissueMAPS: Pipeline", tabify=True
    )
    assert isinstance(widget, PipelineWidget)
    camera = Camera(viewer, folder, lambda: widget.is_busy)
    viewer.show()
    viewer.window.resize(*SIZE)
    for layer in viewer.layers:
        layer.visible = layer._type_string == "image"
    camera.draw("pipeline-empty")

    widget.bar.opened.emit("nuclei_and_cells", True)
    widget.steps.setCurrentRow(1)
    camera.draw("pipeline-threshold")
    viewer.theme = "light"
    camera.draw("pipeline-light")
    viewer.theme = "dark"
    widget.steps.setCurrentRow(7)
    camera.draw("pipeline-cells")
    widget.form.wireChanged.emit("primary_label_image", "")
    camera.draw("pipeline-fault")
    widget.undo()
    widget.add_button.setChecked(True)
    widget.picker.search.setText("threshold")
    camera.draw("pipeline-add")
    widget.add_button.setChecked(False)

    widget.steps.setCurrentRow(5)
    widget.try_button.sitesRequested.emit("rows")
    camera.draw("pipeline-sites")
    widget.steps.setCurrentRow(1)
    camera.settle()
    spec = tune(widget.value(), widget.scene, "threshold_nuclei").spec
    assert spec is not None
    factor = next(setting for setting in spec.settings if setting.name == "correction_factor")
    widget.try_button.sweepRequested.emit(factor)
    camera.draw("pipeline-values")
    widget.steps.setCurrentRow(7)
    widget.try_button.testRequested.emit("columns")
    camera.draw("pipeline-test")
    widget.close()
    shown.close_experiment()
    viewer.close()


def draw_results_widget(experiment: Path, folder: Path) -> None:
    """The widget of results: groups on the map, wells of the plate."""
    viewer, shown = open_window(experiment)
    _, widget = viewer.window.add_plugin_dock_widget(
        "napari-tmaps", "TissueMAPS: Results", tabify=True
    )
    assert isinstance(widget, ResultsWidget)
    camera = Camera(viewer, folder, lambda: widget.is_busy or shown.is_busy)
    viewer.show()
    viewer.window.resize(*SIZE)
    camera.settle()
    widget.setTool("cluster", {"clusters": 3})
    widget.name_line.setText("groups")
    widget.run_button.click()
    camera.draw("results-groups")
    widget.results.delete_button.click()
    camera.settle()
    widget.show_message("")  # what is deleted is not what the next picture is about
    widget.tabs.setCurrentIndex(2)
    widget.plates.setValue("Intensity_mean_Actin", "median")
    camera.draw("results-plates")
    widget.close()
    shown.close_experiment()
    viewer.close()


def draw_object_widgets(experiment: Path, folder: Path) -> None:
    """Table, plot, classes and gallery of the cells of the sample plate; nothing is kept."""
    for name in ("gates", "selections"):
        shutil.rmtree(experiment / name, ignore_errors=True)
    viewer, shown = open_window(experiment)
    docked = [
        viewer.window.add_plugin_dock_widget("napari-tmaps", f"TissueMAPS: {name}", tabify=True)
        for name in ("Objects", "Classes", "Gallery")
    ]
    (_, objects), (_, classes), (_, gallery) = docked
    assert isinstance(objects, ObjectsWidget)
    assert isinstance(classes, ClassesWidget)
    assert isinstance(gallery, GalleryWidget)
    camera = Camera(viewer, folder, lambda: objects.is_busy or classes.is_busy or gallery.is_busy)
    viewer.show()
    viewer.window.resize(*SIZE)
    objects.book.open("Cells")
    docked[0][0].raise_()
    camera.settle()
    objects.table.setValue(RowChoice("Morphology_Area > 800", "Morphology_Eccentricity"))
    camera.settle()
    objects.table.view.rowChosen.emit(int(objects.table.rows.of(slice(4, 5))[0]))
    camera.draw("objects-table")
    objects.table.setValue(RowChoice())
    objects.tabs.setCurrentWidget(objects.plot)
    scatter = PlotChoice(PlotKind.SCATTER, "Morphology_Area", "Intensity_mean_Actin", log_y=True)
    objects.plot.setValue(scatter)
    camera.settle()
    corners = [(400, 2.3), (1600, 2.3), (2300, 2.7), (1500, 3.3), (400, 3.3)]
    objects.book.save_gate("small", gate_of(scatter, corners, lasso=True))
    corners = [(2500, 2.0), (6000, 3.4)]
    objects.book.save_gate("large", gate_of(scatter, corners, lasso=False))
    camera.draw("objects-gate")

    docked[2][0].raise_()
    for name in ("small", "large"):
        gallery.setValue(GalleryChoice(Population("gate", name)))
        camera.settle()
        selection = new_selection(gallery.book.selections)[1]
        gallery.book.save_selection(f"{name} ones", selection)
        gallery.assign(list(range(12)), f"{name} ones")
    docked[1][0].raise_()
    camera.settle()
    classes.classifier.train()
    camera.draw("classes")
    gallery.setValue(GalleryChoice(sort="Morphology_Area", number=400))
    docked[2][0].setFloating(True)
    docked[2][0].resize(760, 560)
    camera.draw("gallery", docked[2][0])
    for name in ("gates", "selections"):
        shutil.rmtree(experiment / name)
    shown.close_experiment()
    viewer.close()


def draw_edit_widget(experiment: Path, folder: Path) -> None:
    """Objects of a site that are corrected; nothing is saved."""
    viewer, shown = open_window(experiment)
    _, widget = viewer.window.add_plugin_dock_widget(
        "napari-tmaps", "TissueMAPS: Edit objects", tabify=True
    )
    assert isinstance(widget, EditWidget)
    camera = Camera(viewer, folder, lambda: widget.is_busy or shown.is_busy)
    viewer.show()
    viewer.window.resize(*SIZE)
    for layer in viewer.layers:
        layer.visible = layer.name not in ("Cells", "Cytoplasm")
    widget.type_box.setCurrentText("Nuclei")
    widget.edit_button.click()
    camera.settle()
    zoom_to_cells(viewer)
    labels = widget.layer.data[0, 0]
    y, x = (n // 2 for n in labels.shape)
    label = int(labels[y - 60 : y + 60, x - 60 : x + 60].max())
    at = (labels == label).nonzero()
    middle = float(at[0].mean())
    widget.setHand(Hand.SPLIT)
    widget.stroke(
        Hand.SPLIT, (0, 0, middle, float(at[1].min() - 3)), (0, 0, middle, float(at[1].max() + 3))
    )
    camera.draw("edit-objects")
    widget.discard()
    widget.edit_button.click()
    widget.close()
    shown.close_experiment()
    viewer.close()


def draw_other_widgets(experiment: Path, folder: Path) -> None:
    """The workflow and save widgets, among all others; a folder before it is imported."""
    viewer, shown = open_window(experiment)
    viewer.show()
    viewer.window.resize(*SIZE)
    open_tissuemaps(viewer)
    camera = Camera(viewer, folder, lambda: shown.is_busy)
    for name in ("Workflow", "Save"):
        widget = show_widget(viewer, name)
        camera.settle(1.5)
        if isinstance(widget, SaveWidget):  # it proposes a place on the machine that draws
            widget.path_line.setText("results/Nuclei.ome.tiff")
        camera.draw(f"window-{name.lower()}")
    shown.close_experiment()
    viewer.layers.clear()
    show_widget(viewer, "Experiment")
    shown.open_folder(str(experiment.with_suffix("") / "acquisition"))
    camera.settle(1.5)
    shown.import_page._target.setText("sample.tmaps")
    camera.draw("window-import")
    viewer.close()


def main() -> None:
    """Draw all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    draw_other_widgets(given.experiment, given.folder)  # as long as there is no pipeline to show
    draw_pipeline_widget(given.experiment, given.folder)
    draw_results_widget(given.experiment, given.folder)
    draw_object_widgets(given.experiment, given.folder)
    draw_edit_widget(given.experiment, given.folder)


if __name__ == "__main__":
    main()
