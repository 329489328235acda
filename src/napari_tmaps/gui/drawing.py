"""What napari's canvas needs to draw while layers come and go.

When a layer is removed, napari (0.9) has OpenGL do at once what is due, whichever context Qt has
current at that moment: often another one, sometimes none. What was to be made for other layers is
then lost, with an error that napari hides: frames cannot be drawn ("Could not find texture with
id …"), and drawing from buffers that are not there ends the program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.components import ViewerModel


def draw_in_own_context(viewer: ViewerModel) -> None:
    """Have the canvas of a viewer make its own context current before it finishes what is due.

    Until the canvas was shown it has no context: all that is due waits for the first frame. A
    viewer without a window has no canvas.
    """
    window = getattr(viewer, "window", None)
    if window is None:
        return
    scene: Any = window._qt_viewer.canvas._scene_canvas
    finish = scene.context.finish

    def finish_in_own_context() -> None:
        if scene.native.isValid():
            scene.set_current()
            finish()

    scene.context.finish = finish_in_own_context
