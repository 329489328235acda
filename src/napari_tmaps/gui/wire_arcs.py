"""Which step of a list feeds which: arcs beside the rows, and the same in words."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QColor, QPainter, QPainterPath, QPen

from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.pipeline.wiring import Wire

FEEDS, USES = "#56b4e9", "#e69f00"
"""Colours of the wires into a step, and out of it; told apart by everybody."""

_NEAR, _FAR = 10.0, 90.0  # how far arcs reach from the edge, in pixels


def draw_wires(
    painter: QPainter,
    wires: Sequence[Wire],
    heights: Sequence[float],
    edge: float,
    step: int,
    faint: QColor,
) -> None:
    """Draw an arc from each row to those that use what it makes.

    Parameters
    ----------
    heights
        Middle of each row, in pixels from the top.
    edge
        Where the arcs begin and end, in pixels from the left.
    step
        Index of the row whose wires are coloured; -1 for none.
    faint
        Colour of the other wires.
    """
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for wire in sorted(wires, key=lambda wire: step in (wire.source, wire.target)):
        reach = min(_NEAR + 6 * (wire.target - wire.source), _FAR)
        top, bottom = (QPointF(edge, heights[n]) for n in (wire.source, wire.target))
        path = QPainterPath(top)
        away = QPointF(-reach, 0)
        path.cubicTo(top + away, bottom + away, bottom)
        pen = QPen(faint, 1.0)
        if step == wire.target:
            pen = QPen(QColor(FEEDS), 2.0)
        elif step == wire.source:
            pen = QPen(QColor(USES), 2.0)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(path)
        painter.setBrush(pen.color())
        painter.drawEllipse(bottom, 2.0, 2.0)  # where it goes to


def read_by(pipeline: PipelineDescription, step: int) -> list[str]:
    """Channels and objects of the input that a step reads."""
    given = {channel.name for channel in pipeline.input.channels}
    given |= {objects.name for objects in pipeline.input.objects}
    inputs = pipeline.pipeline[step].inputs.values()
    return [item for item in dict.fromkeys(inputs) if item in given]


def story(pipeline: PipelineDescription, wires: Sequence[Wire], step: int) -> str:
    """Where a step has its inputs from, and who uses what it makes."""

    def named(n: int) -> str:
        return f"{n + 1} {pipeline.pipeline[n].name}"

    sources = read_by(pipeline, step)
    sources += [named(n) for n in dict.fromkeys(w.source for w in wires if w.target == step)]
    users = [named(n) for n in dict.fromkeys(w.target for w in wires if w.source == step)]
    lines = [f"Uses: {', '.join(sources)}"] if sources else []
    return "\n".join([*lines, f"Used by: {', '.join(users)}"] if users else lines)
