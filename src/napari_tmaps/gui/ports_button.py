"""What goes into a pipeline and what comes out: a button with a menu of checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QMenu, QPushButton, QWidget

from napari_tmaps.gui.parts import add_heading
from napari_tmaps.model.kinds import Kind
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.pipeline.edit import keep_objects, rename_channel, set_channels
from napari_tmaps.pipeline.wiring import items_before


class PortsButton(QPushButton):
    """Edits which channels a pipeline reads, which are corrected, and which objects it keeps."""

    valueChanged = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pipeline = PipelineDescription()
        self._channels: tuple[str, ...] = ()
        self.setText("In and out")
        self.setToolTip(
            "Channels that the pipeline reads, whether their illumination is corrected, and the "
            "objects that are kept"
        )
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self._menu.aboutToShow.connect(self.fill)
        self.setMenu(self._menu)

    def value(self) -> PipelineDescription:
        """The pipeline."""
        return self._pipeline

    def setValue(self, pipeline: PipelineDescription) -> None:
        """Show another pipeline."""
        self._pipeline = pipeline

    def setChannels(self, channels: Sequence[str]) -> None:
        """Offer these channels besides those that the pipeline reads."""
        self._channels = tuple(channels)

    def fill(self) -> QMenu:
        """Make the menu for the pipeline as it is now."""
        menu, pipeline = self._menu, self._pipeline
        menu.clear()
        read = {channel.name: channel.correct for channel in pipeline.input.channels}
        add_heading(menu, "Reads the channels")
        for name in dict.fromkeys([*self._channels, *read]):
            self._check(menu, name, name in read, self._on_read)
        for name in read:
            if self._channels and name not in self._channels:
                instead = menu.addMenu(f"Read instead of {name}")
                assert instead is not None
                for other in self._channels:
                    instead.addAction(
                        other, lambda name=name, other=other: self._on_other(name, other)
                    )
        add_heading(menu, "Corrects the illumination of")
        for name, correct in read.items():
            self._check(menu, name, correct, self._on_corrected)
        items = items_before(pipeline, len(pipeline.pipeline))
        given = {objects.name for objects in pipeline.input.objects}
        made = [n for n, kind in items.items() if kind is Kind.SEGMENTED_OBJECTS and n not in given]
        kept = [objects.name for objects in pipeline.output.objects]
        add_heading(menu, "Keeps the objects")
        for name in dict.fromkeys([*made, *kept]):
            self._check(menu, name, name in kept, self._on_kept)
        return menu

    def _check(self, menu: QMenu, name: str, on: bool, act: Callable[[str, bool], None]) -> None:
        action = menu.addAction(name)
        assert action is not None
        action.setCheckable(True)
        action.setChecked(on)
        action.toggled.connect(lambda checked: act(name, checked))

    def _on_read(self, name: str, on: bool) -> None:
        channels = [(c.name, c.correct) for c in self._pipeline.input.channels if c.name != name]
        self._tell(set_channels(self._pipeline, [*channels, (name, False)] if on else channels))

    def _on_other(self, name: str, other: str) -> None:
        self._tell(rename_channel(self._pipeline, name, other))

    def _on_corrected(self, name: str, on: bool) -> None:
        channels = self._pipeline.input.channels
        changed = [(c.name, on if c.name == name else c.correct) for c in channels]
        self._tell(set_channels(self._pipeline, changed))

    def _on_kept(self, name: str, on: bool) -> None:
        kept = [objects.name for objects in self._pipeline.output.objects if objects.name != name]
        self._tell(keep_objects(self._pipeline, [*kept, name] if on else kept))

    def _tell(self, pipeline: PipelineDescription) -> None:
        self._pipeline = pipeline
        self.valueChanged.emit(pipeline)
