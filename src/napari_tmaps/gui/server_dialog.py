"""Dialog "Open on a server": who and where, then one of the experiments there."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.client.address import PORT, Address, is_address
from napari_tmaps.client.login import log_in
from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.latest import Latest
from napari_tmaps.gui.workers import Outcome
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.servers import experiments_at, logins

_ADDRESS = Qt.ItemDataRole.UserRole


class ServerDialog(QDialog):
    """Edits the address of an experiment on a server; its value is a text.

    Parameters
    ----------
    address
        What to begin with; "" for the server of the last login.
    reason
        Why it is asked for.
    """

    chosen = Signal(str)

    def __init__(self, address: str = "", reason: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Open an experiment on a server")
        self._work = Latest(self)
        self._wanted = Address("localhost")
        self._where: Address | None = None

        self.server_line = QLineEdit()
        self.server_line.setPlaceholderText(f"http://host:{PORT}")
        self.server_line.setToolTip("Address that 'tmaps serve' tells; port 8002 if it has none")
        self.user_line = QLineEdit()
        self.password_line = QLineEdit()
        self.password_line.setEchoMode(QLineEdit.EchoMode.Password)
        self.password_line.setPlaceholderText("not needed if you logged in within three days")
        self.password_line.setToolTip("It is sent to the server, and kept nowhere")
        self.login_button = QPushButton("Log in")
        self.login_button.setToolTip("List your experiments there")
        self.list = QListWidget()
        self.list.setToolTip("Experiments that are yours, or shared with you")
        self._message = QLabel(reason)
        self._message.setWordWrap(True)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel
        )
        self.open_button = buttons.button(QDialogButtonBox.StandardButton.Open)

        layout = QVBoxLayout(self)
        form = QFormLayout()
        form.addRow("Server", self.server_line)
        form.addRow("User", self.user_line)
        form.addRow("Password", self.password_line)
        layout.addLayout(form)
        layout.addWidget(self.login_button)
        layout.addWidget(self._message)
        layout.addWidget(self.list, 1)
        layout.addWidget(buttons)
        self.resize(430, 400)

        self.login_button.clicked.connect(self.log_in)
        for line in (self.server_line, self.user_line, self.password_line):
            line.returnPressed.connect(self.log_in)
            line.textEdited.connect(lambda _: self._on_edited())
        self.list.itemSelectionChanged.connect(self._enable)
        self.list.itemDoubleClicked.connect(lambda _: self._on_open())
        buttons.accepted.connect(self._on_open)
        buttons.rejected.connect(self.reject)
        self._work.ended.connect(self._on_listed)
        # Return logs in; it must not press another button as well.
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)
        self.setValue(address)

    def value(self) -> str:
        """Address of the experiment that is chosen; "" if none is."""
        item = self.list.currentItem()
        return "" if item is None else str(item.data(_ADDRESS))

    def setValue(self, address: str) -> None:
        """Fill in where an experiment is."""
        known = logins()
        with suppress(TmapsError):
            self._wanted = Address.parse(address or known.last() or f"http://localhost:{PORT}")
        self.server_line.setText(self._wanted.server)
        users = known.users(self._wanted.server)
        self.user_line.setText(self._wanted.user or next(iter(users), ""))
        self._forget()
        (self.password_line if self.user_line.text() else self.user_line).setFocus()

    @property
    def is_busy(self) -> bool:
        """True while the server is asked."""
        return self._work.is_running

    @property
    def message(self) -> str:
        """What is said."""
        return self._message.text()

    def log_in(self) -> None:
        """Ask the server for the experiments of the user."""
        text = self.server_line.text().strip()
        try:
            typed = Address.parse(text if is_address(text) else f"http://{text}")
        except TmapsError as error:
            self._message.setText(str(error))
            return
        where = replace(typed, user=self.user_line.text().strip(), id="", experiment="")
        password = self.password_line.text() or None

        def make() -> Generator[Progress, None, Any]:
            yield Progress("", 0, 0)
            session, address = log_in(where, logins(), password)
            try:
                return address, experiments_at(session)
            finally:
                session.close_all()

        self._message.setText(f"Asking {where.server} …")
        self._work.ask("", make)

    def _on_listed(self, outcome: Outcome) -> None:
        self.list.clear()
        self._message.setText(outcome.error)
        if outcome.value is not None:
            address, rows = outcome.value
            self.password_line.clear()
            for row in rows:
                how = "" if row["write_access"] else ", to read"
                whose = "" if row["user"] == address.user else f"  (of {row['user']}{how})"
                item = QListWidgetItem(f"{row['name']}{whose}")
                item.setToolTip(row["description"] or row["name"])
                item.setData(_ADDRESS, str(replace(address, id=row["id"])))
                self.list.addItem(item)
                if row["id"] == self._wanted.id or row["name"] == self._wanted.experiment:
                    self.list.setCurrentItem(item)
            if not rows:
                self._message.setText(f"'{address.user}' has no experiments there.")
            elif self.list.currentRow() < 0:
                self.list.setCurrentRow(0)
            self.list.setFocus()
        self._enable()

    def _on_edited(self) -> None:
        """What is asked for, and what was found, is of another server or user."""
        if self._work.is_running:
            self._work.cancel()
            self._message.setText("")
        self._forget()

    def _forget(self) -> None:
        self.list.clear()
        self._enable()

    def _enable(self) -> None:
        if self.open_button is not None:
            self.open_button.setEnabled(bool(self.list.selectedItems()))

    def _on_open(self) -> None:
        if self.value():
            self.chosen.emit(self.value())
            self.accept()
