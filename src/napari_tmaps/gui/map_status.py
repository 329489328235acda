"""What lies under the mouse, in the status bar; a click selects an object."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pandas as pd
from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.map_picture import Place

if TYPE_CHECKING:
    from napari.components import ViewerModel

_SHOWN = 3  # features, if the user has chosen none

Features = Callable[[Place, str, int], pd.DataFrame | None]


@dataclass(frozen=True)
class PickedObject:
    """One object.

    Attributes
    ----------
    label
        Its label within the site.
    features
        What was measured of it; empty if nothing was.
    t
        Time point.
    """

    place: Place
    object_type: str
    label: int
    features: dict[str, float] = field(default_factory=dict, compare=False)
    t: int = 0

    def sentence(self, chosen: tuple[str, ...] = ()) -> str:
        """E.g. "B02 site 1 · Nuclei 17 · Morphology_Area 411"."""
        names = chosen or tuple(self.features)[:_SHOWN]
        values = [f"{name} {self.features[name]:.5g}" for name in names if name in self.features]
        parts = [where(self.place), f"{self.object_type} {self.label}", *values]
        return " · ".join(parts)


def where(place: Place) -> str:
    """A place in words."""
    return f"{place.plate} {place.well} site {place.site}"


class MapStatus(QObject):
    """Watches the mouse over the layers of an experiment.

    Parameters
    ----------
    viewer
        Works without a window, too.
    place_at
        The site at a point (y, x) of the world.
    features
        Features of the objects of a type at a place and time point, index label; None where there
        are none.
    """

    objectSelected = Signal(object)
    """A `PickedObject`."""

    def __init__(
        self,
        viewer: ViewerModel,
        place_at: Callable[[float, float], Place | None],
        features: Features,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._place_at = viewer, place_at
        self._features = lru_cache(maxsize=16)(features)
        self._telling = False
        self.chosen: tuple[str, ...] = ()
        """Features that are told."""
        viewer.events.status.connect(self._on_status)
        viewer.mouse_drag_callbacks.append(self._on_press)

    def close(self) -> None:
        """Leave the viewer alone."""
        self._viewer.events.status.disconnect(self._on_status)
        if self._on_press in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_press)

    def forget(self) -> None:
        """Read features anew: they have changed."""
        self._features.cache_clear()

    def object_at(self, position: tuple[float, ...]) -> PickedObject | None:
        """The topmost object that is seen at a point of the world."""
        place = self._place_at(*position[-2:])
        if place is None:
            return None
        for layer in reversed(self._viewer.layers):
            facts = layer.metadata.get("tmaps", {})
            if "objects" not in facts or not layer.visible:
                continue
            value = layer.get_value(position, world=True)
            number = value[1] if isinstance(value, tuple) else value
            label = int(number or 0) % int(facts.get("stride", 1 << 31))
            if label:
                shape = layer.data[0].shape if layer.multiscale else layer.data.shape
                is_movie = len(shape) == 4 and shape[0] > 1
                t = int(self._viewer.dims.current_step[0]) if is_movie else 0
                measured = self._measured(place, facts["objects"], label, t)
                return PickedObject(place, facts["objects"], label, measured, t)
        return None

    def _measured(self, place: Place, object_type: str, label: int, t: int) -> dict[str, float]:
        try:
            table = self._features(place, object_type, t)
        except TmapsError:  # a damaged table is told where it is opened, not at each move
            return {}
        if table is None or label not in table.index:
            return {}
        row = table.iloc[int(table.index.get_indexer(pd.Index([label]))[0])]
        values = zip(table.columns, row.to_numpy(float).tolist(), strict=True)
        return {str(name): value for name, value in values}

    def text_at(self, position: tuple[float, ...]) -> str:
        """What lies at a point, in words; "" if nothing of ours does."""
        found = self.object_at(position)
        if found is not None:
            return found.sentence(self.chosen)
        place = self._place_at(*position[-2:])
        return "" if place is None else where(place)

    def _on_status(self, event: Any) -> None:
        # napari writes the status at each move of the mouse; what we know takes its place.
        if self._telling or not isinstance(self._viewer.status, dict):
            return
        text = self.text_at(tuple(self._viewer.cursor.position))
        if text:
            self._telling = True
            try:
                self._viewer.status = text
            finally:
                self._telling = False

    def _on_press(self, viewer: Any, event: Any) -> Generator[None, None, None]:
        moved = False
        yield
        while event.type == "mouse_move":
            moved = True
            yield
        found = None if moved else self.object_at(tuple(event.position))
        if found is not None:
            self.objectSelected.emit(found)
