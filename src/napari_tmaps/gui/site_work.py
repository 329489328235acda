"""What the buttons of the page of a site start: a pipeline, a conversion, a map."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Protocol

from qtpy.QtCore import QObject

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.facts import load
from napari_tmaps.gui.host import Host
from napari_tmaps.gui.map_pixels import build_map
from napari_tmaps.gui.plate_view import PlateView
from napari_tmaps.gui.running import SiteObjects, run_on_site
from napari_tmaps.gui.site_page import SitePage
from napari_tmaps.gui.state import Choice, Pixels, View
from napari_tmaps.gui.still import still
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment


class PageHost(Host, Protocol):
    """The widget that the page is of."""

    def value(self) -> Choice:
        """What is shown."""

    def setValue(self, choice: Choice) -> None:
        """Show something else."""

    def settle(self) -> None:
        """Have in its file what was edited of a pipeline; raises `TmapsError` if it cannot be."""

    def refresh(self) -> None:
        """Show what has changed on disk."""

    def tell_objects(self) -> None:
        """Show, and have all others show, objects that were found or measured anew."""

    def show_message(self, text: str) -> None:
        """Say something in place."""


class SiteWork(QObject):
    """Starts what is asked for on a page, in the background, and shows what comes of it.

    Parameters
    ----------
    page
        Has the buttons; is also the parent.
    view
        Shows what a pipeline found.
    host
        Does the work.
    """

    def __init__(self, page: SitePage, view: PlateView, host: PageHost) -> None:
        super().__init__(page)
        self._page, self._view, self._host = page, view, host
        page.runRequested.connect(self._on_run_requested)
        page.convertRequested.connect(self._on_convert_requested)
        page.analyseRequested.connect(self._on_analyse_requested)
        page.mapRequested.connect(self._on_map_requested)

    def _settled(self) -> bool:
        """Whether the file of the pipeline is as it was edited; else it is said why."""
        try:
            self._host.settle()
        except TmapsError as error:
            self._host.show_message(str(error))
            return False
        return True

    def _on_run_requested(self) -> None:
        if not self._settled():
            return
        experiment, choice = self._host.experiment, self._host.value()
        assert experiment is not None, "the buttons are shown only then"
        if choice.view is not View.SITE:
            self._host.setValue(replace(choice, view=View.SITE))
        try:
            t = self._view.time_point(choice.plate)
        except TmapsError as error:
            self._host.show_message(str(error))
            return

        def make() -> Generator[Progress, None, SiteObjects]:
            return run_on_site(
                experiment, choice.plate, choice.well, choice.site, t, load(choice.pipeline)
            )

        def after(found: SiteObjects | None) -> None:
            if found is not None and self._host.experiment is experiment:
                self._show_objects(found)

        self._host.start_work("Running", make, after)

    def _show_objects(self, found: SiteObjects) -> None:
        choice = self._host.value()
        # The user may have walked on while the pipeline ran.
        if (found.plate, found.well, found.site) != (choice.plate, choice.well, choice.site):
            self._host.setValue(
                replace(choice, plate=found.plate, well=found.well, site=found.site, view=View.SITE)
            )
        with still(self._page):
            self._view.try_out(found)
        self._host.show_message(f"{found.well} site {found.site}: {found.sentence()}. Not stored.")

    def _work_on(
        self,
        title: str,
        work: Callable[[Experiment], Iterator[Progress]],
        after: Callable[[], None] | None = None,
    ) -> None:
        """Change the open experiment in the background, and show what has become of it."""
        experiment = self._host.experiment
        assert experiment is not None, "the buttons are shown only then"

        def make() -> Generator[Progress, None, None]:
            yield from work(experiment)

        show = after or self._host.refresh
        self._host.start_work(title, make, lambda _: show())

    def _on_convert_requested(self) -> None:
        from napari_tmaps.workflow import convert

        self._work_on("Converting", convert)

    def _on_map_requested(self) -> None:
        choice = self._host.value()
        # A map that is only old is made again as it was, whatever is looked at.
        pixels = choice.pixels if self._view.lacks_map else Pixels.MAP
        self._work_on(
            "Building the map", lambda experiment: build_map(experiment, choice.plate, pixels)
        )

    def _on_analyse_requested(self) -> None:
        from napari_tmaps.workflow import analyse

        if not self._settled():
            return
        pipeline = self._host.value().pipeline
        self._work_on(
            "Analysing",
            lambda experiment: analyse(experiment, load(pipeline)),
            self._host.tell_objects,
        )
