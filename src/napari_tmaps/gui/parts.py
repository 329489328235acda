"""Small parts that most widgets are made of: sentences in place, buttons, pages that scroll."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtWidgets import (
    QFrame,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QToolButton,
    QWidget,
    QWidgetAction,
)

from napari_tmaps.gui.state_bar import BAD


class Message(QLabel):
    """Says something in place, and is hidden while there is nothing to say."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setVisible(False)

    def say(self, text: str) -> None:
        """Say something; "" to say nothing."""
        self.setText(text)
        self.setVisible(bool(text))

    def warn(self, *texts: str) -> None:
        """Say what is not as it should be, a line each; "" to say nothing."""
        self.say(warning(texts))


class Fault(Message):
    """Says in the colour of faults what is wrong with what was entered."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("fault")
        palette = self.palette()
        palette.setColor(self.foregroundRole(), BAD)
        self.setPalette(palette)


def warning(texts: Iterable[str]) -> str:
    """Sentences with the sign of a warning before each."""
    return "\n".join(f"⚠ {text}" for text in texts if text)


def wrapped(text: str = "") -> QLabel:
    """A label that takes as many lines as it needs."""
    label = QLabel(text)
    label.setWordWrap(True)
    return label


def push_button(text: str, tip: str, *, checkable: bool = False) -> QPushButton:
    """A button, and what it does."""
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setCheckable(checkable)
    return button


def tool_button(text: str, tip: str) -> QToolButton:
    """A small button, and what it does."""
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    return button


def add_heading(menu: QMenu, text: str) -> None:
    """Say what the next entries of a menu are; napari's style leaves `addSection` out."""
    if menu.actions():
        menu.addSeparator()
    label = QLabel(f"<b>{text}</b>")
    label.setMargin(4)
    heading = QWidgetAction(menu)
    heading.setText(text)
    heading.setDefaultWidget(label)
    heading.setEnabled(False)
    menu.addAction(heading)


def scrolled(page: QWidget, *, sideways: bool = False) -> QScrollArea:
    """A page that scrolls where it is higher than its room, and wider if `sideways`."""
    scroll = QScrollArea()
    scroll.setWidgetResizable(True)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    if not sideways:
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    scroll.setWidget(page)
    return scroll


def timer(parent: QObject, milliseconds: int, action: Callable[[], object]) -> QTimer:
    """A timer that acts once, so long after it was started last."""
    found = QTimer(parent)
    found.setSingleShot(True)
    found.setInterval(milliseconds)
    found.timeout.connect(action)
    return found


class AfterPicture(QObject):
    """Acts once, a while after all that waits already was done, e.g. the picture drawn.

    Parameters
    ----------
    milliseconds
        How long after.
    """

    def __init__(self, parent: QObject, milliseconds: int, action: Callable[[], object]) -> None:
        super().__init__(parent)
        self._pause = timer(self, milliseconds, action)
        self._turn = timer(self, 0, self._pause.start)

    @property
    def is_due(self) -> bool:
        """True until it acts."""
        return self._turn.isActive() or self._pause.isActive()

    def start(self) -> None:
        """Act after what waits now."""
        self._pause.stop()
        self._turn.start()

    def stop(self) -> None:
        """Do not act."""
        self._turn.stop()
        self._pause.stop()
