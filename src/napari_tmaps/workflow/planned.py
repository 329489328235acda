"""Steps that have their place and their arguments, but cannot run yet."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from napari_tmaps.errors import InputError
from napari_tmaps.workflow.step import Batch, JobResult, Step


class PlannedStep(Step):
    """A step that refuses to run; `instead` says what happens without it."""

    by_default = False
    instead: ClassVar[str]

    def check(self, args: Any) -> NoReturn:
        """Refuse.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError(
            f"Step '{self.name}' cannot run yet in this version. Make it inactive in the workflow. "
            f"{self.instead}"
        )

    def create_run_batches(self, args: Any) -> list[Batch]:
        """Never called: `check` refuses before."""
        self.check(args)

    def run_job(self, batch: Batch, assume_clean_state: bool = False) -> JobResult:
        """Never called: there are no batches."""
        self.check(None)

    def delete_previous_job_output(self) -> None:
        """There is none."""
