"""Where somebody stopped in an experiment: what was shown, and how; to go on there next time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from math import isclose
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QTimer, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_tmaps.errors import StorageError
from napari_tmaps.gui.desk import Desk
from napari_tmaps.gui.parts import push_button, timer, tool_button, wrapped
from napari_tmaps.gui.preferences import preference
from napari_tmaps.gui.state import Choice, Pixels, View
from napari_tmaps.store.user_folders import config_folder
from napari_tmaps.streams.atomic import write_json

_KEPT_MS = 1500


@dataclass(frozen=True)
class Session:
    """What was shown, and how.

    Attributes
    ----------
    layers
        Name → visible, contrast, colormap, opacity of image layers.
    """

    choice: Choice
    center: tuple[float, ...] = ()
    zoom: float = 1.0
    layers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def sentence(self) -> str:
        """In words, e.g. "B03 site 2"."""
        choice = self.choice
        where = {
            View.SITE: f"{choice.well} site {choice.site}",
            View.WELL: f"well {choice.well}",
            View.PLATE: f"plate {choice.plate}",
            View.PLATES: "all plates",
        }
        return where[choice.view]


def session_of(choice: Choice, viewer: Any) -> Session:
    """What a viewer shows now."""
    return Session(
        choice,
        tuple(float(value) for value in viewer.scene.camera.center),
        float(viewer.scene.camera.zoom),
        {
            layer.name: {
                "visible": bool(layer.visible),
                "opacity": float(layer.opacity),
                "contrast": [float(value) for value in layer.contrast_limits],
                "colormap": str(layer.colormap.name),
            }
            for layer in viewer.layers
            if hasattr(layer, "contrast_limits") and not getattr(layer, "rgb", False)
        },
    )


def apply(session: Session, viewer: Any) -> None:
    """Look as it looked; layers that are not there are left out."""
    for layer in viewer.layers:
        kept = session.layers.get(layer.name)
        if kept is not None and hasattr(layer, "contrast_limits"):
            layer.visible, layer.opacity = kept["visible"], kept["opacity"]
            layer.contrast_limits = kept["contrast"]
            with suppress(KeyError):  # somebody made it, and it is not there any more
                layer.colormap = kept["colormap"]
    if session.center:
        viewer.scene.camera.center = session.center
    viewer.scene.camera.zoom = session.zoom


def is_place(session: Session, choice: Choice) -> bool:
    """Whether it is what is shown, however that looks."""
    return replace(session.choice, experiment=choice.experiment) == choice


def is_look(session: Session, viewer: Any) -> bool:
    """Whether camera and layers are as they were.

    The zoom depends on the room that there is for the picture: within a tenth it is the same.
    """
    now = session_of(session.choice, viewer)
    there = {name: look for name, look in session.layers.items() if name in now.layers}
    is_there = not session.center or np.allclose(session.center, now.center)
    is_near = isclose(session.zoom, now.zoom, rel_tol=0.1)
    return is_there and is_near and all(now.layers[name] == look for name, look in there.items())


def load(experiment: Path) -> Session | None:
    """The session of an experiment; None if there is none, or it cannot be read."""
    try:
        content = json.loads(_file(experiment).read_text(encoding="utf-8"))
        choice = content["choice"]
        view, pixels = View(choice["view"]), Pixels(choice["pixels"])
        return Session(
            Choice(**{**choice, "view": view, "pixels": pixels}),
            tuple(content["center"]),
            float(content["zoom"]),
            {str(name): _look(kept) for name, kept in dict(content["layers"]).items()},
        )
    except (OSError, ValueError, KeyError, TypeError):  # an old one is no reason to refuse work
        return None


def _look(kept: Mapping[str, Any]) -> dict[str, Any]:
    low, high = kept["contrast"]
    return {
        "visible": bool(kept["visible"]),
        "opacity": float(kept["opacity"]),
        "contrast": [float(low), float(high)],
        "colormap": str(kept["colormap"]),
    }


def save(experiment: Path, session: Session) -> None:
    """Keep a session, if the user's folder can be written and all numbers are finite."""
    try:
        write_json(_file(experiment), asdict(session))
    except (StorageError, ValueError):  # limits that are infinite are no numbers of JSON
        return


def _file(experiment: Path) -> Path:
    key = hashlib.sha256(str(experiment.resolve()).encode()).hexdigest()[:16]
    return config_folder() / "sessions" / f"{key}.json"


class SessionRow(QWidget):
    """Offers to go on where one stopped; keeps what is shown meanwhile.

    Parameters
    ----------
    viewer
        Whose camera and layers are kept.
    """

    restored = Signal(object)
    """The `Choice` to show; call `finish` when it is shown."""

    def __init__(self, viewer: Any, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._desk = viewer, desk
        self._offered: Session | None = None
        self._path: Path | None = None
        self._first = Choice()
        self._text = wrapped()
        self.go_button = push_button(
            "Go on there", "Show the same place with the same camera and contrast"
        )
        self.drop_button = tool_button("✕", "Begin anew")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._text, 1)
        layout.addWidget(self.go_button)
        layout.addWidget(self.drop_button)
        self._timer = QTimer(self)
        self._timer.setInterval(_KEPT_MS)
        self._timer.timeout.connect(self._keep)
        self.go_button.clicked.connect(self.restore)
        self.drop_button.clicked.connect(self._drop)
        desk.experimentChanged.connect(self._on_experiment_changed)
        desk.choiceChanged.connect(self._on_choice_changed)
        self.setVisible(False)
        # napari reads the manifests of all plugins for the first one: not when an experiment opens.
        timer(self, 0, _wish).start()

    def value(self) -> Session | None:
        """The session that is offered."""
        return self._offered

    def restore(self) -> None:
        """Show what was shown."""
        session = self._offered
        if session is None:
            return
        self._drop()
        self.restored.emit(replace(session.choice, experiment=self._desk.choice.experiment))
        apply(session, self._viewer)

    def _drop(self) -> None:
        self._offered = None
        self.setVisible(False)

    def _on_experiment_changed(self, experiment: Any) -> None:
        self._timer.stop()
        self._path = None if experiment is None else experiment.path
        self._offered, self._first = None, Choice()
        found = None if self._path is None else load(self._path)
        wish = "never" if found is None else _wish()
        if wish != "never":
            self._offered = found
        if self._offered is not None:
            self._text.setText(f"You stopped at {self._offered.sentence()}.")
        self.setVisible(self._offered is not None)
        if self._path is not None:
            self._timer.start()
            if wish == "always":
                QTimer.singleShot(0, self.restore)

    def _on_choice_changed(self, choice: Choice) -> None:
        """What is shown anyway is nothing to go on with, unless it looked otherwise."""
        offered = self._offered
        if offered is None or not is_place(offered, choice):
            return
        if is_look(offered, self._viewer):
            self._drop()
        else:
            self._text.setText(f"You stopped at {offered.sentence()} with another view of it.")

    def _keep(self) -> None:
        """Keep what is shown, once somebody has gone anywhere."""
        choice = self._desk.choice
        if self._path is None or not choice.well:
            return
        if not self._first.well:
            self._first = choice
        if choice != self._first or self._offered is None:
            if self._offered is not None:
                self._drop()  # somebody went elsewhere: that is what is gone on with next time
            save(self._path, session_of(choice, self._viewer))


def _wish() -> str:
    """What the user prefers: "ask", "always" or "never"."""
    return preference("session", "restore", "ask")
