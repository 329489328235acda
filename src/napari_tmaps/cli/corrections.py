"""`tmaps corrections`: objects that were corrected by hand."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from napari_tmaps.cli import show
from napari_tmaps.cli.experiments import ExperimentPath
from napari_tmaps.cli.options import Verbose
from napari_tmaps.model.progress import finish_noting
from napari_tmaps.model.words import counted

if TYPE_CHECKING:
    from napari_tmaps.pipeline.correcting import Correcting
    from napari_tmaps.store.experiment import Experiment


def corrections(
    experiment: ExperimentPath,
    undo: Annotated[bool, typer.Option("--undo", help="Take the last change back.")] = False,
    redo: Annotated[bool, typer.Option("--redo", help="Do again what was undone.")] = False,
    restore: Annotated[
        bool,
        typer.Option("--restore", help="Put corrected objects back that an analysis replaced."),
    ] = False,
    score: Annotated[
        str,
        typer.Option(
            metavar="PIPELINE", help="Say how well a pipeline finds the corrected objects."
        ),
    ] = "",
    verbose: Verbose = False,
) -> None:
    """List the sites where objects were corrected by hand; undo, restore, or test a pipeline."""
    with show.plain_errors(verbose):
        from napari_tmaps.pipeline import correcting
        from napari_tmaps.pipeline.remeasure import outdated
        from napari_tmaps.store.corrections import Corrections
        from napari_tmaps.store.experiment import Experiment

        with Experiment.open(experiment) as opened:
            store = Corrections(opened)
            if undo:
                _do(correcting.undo(opened))
            if redo:
                _do(correcting.redo(opened))
            if restore:
                for place in store.corrected():
                    _do(correcting.restore(opened, place))
            if score:
                _score(opened, score)
                return
            counts = Counter(edit.place for edit in store.edits() if not edit.is_undone)
            for place, number in counts.items():
                typer.echo(f"{place}: {counted(number, 'change')}")
            if not counts:
                typer.echo("Nothing is corrected.")
            older = outdated(opened)
            if older:
                show.oddities(older)


def _do(work: Correcting) -> None:
    edit, failures = finish_noting(work)
    if edit is not None:
        typer.echo(f"{'Undone' if edit.is_undone else 'Changed'}: {edit.sentence()}.")
    if failures:
        show.oddities(failures)


def _score(experiment: Experiment, name: str) -> None:
    from napari_tmaps.pipeline.find import find_pipeline
    from napari_tmaps.pipeline.golden import pooled, score_corrections

    scores = show.ended(score_corrections(experiment, find_pipeline(experiment.path, name)))
    for each in scores:
        typer.echo(
            f"{each.place}: {each.matched} of {each.true} found, {each.found - each.matched} wrong"
        )
    both = pooled(scores)
    typer.echo(
        f"F1 against the corrections {both.f1:.3f} (precision {both.precision:.3f}, recall "
        f"{both.recall:.3f})"
    )
