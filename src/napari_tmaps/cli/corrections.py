"""`tmaps corrections`: objects that were corrected by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from napari_tmaps.cli import show
from napari_tmaps.cli.experiments import ExperimentPath
from napari_tmaps.cli.options import Verbose
from napari_tmaps.model.words import counted

if TYPE_CHECKING:
    from napari_tmaps.store.corrections import Edit
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
        from napari_tmaps.pipeline.remeasure import outdated
        from napari_tmaps.store.corrections import Corrections
        from napari_tmaps.store.experiment import Experiment

        with Experiment.open(experiment) as opened:
            store = Corrections(opened)
            changed: list[Edit | None] = []
            if undo:
                changed.append(store.undo())
            if redo:
                changed.append(store.redo())
            if restore:
                changed += [store.restore(place) for place in store.corrected()]
            for edit in changed:
                if edit is not None:
                    typer.echo(f"{'Undone' if edit.is_undone else 'Changed'}: {edit.sentence()}.")
                    _measure(opened, edit)
            if score:
                _score(opened, score)
                return
            counts: dict[object, int] = {}
            for edit in store.edits():
                if not edit.is_undone:
                    counts[edit.place] = counts.get(edit.place, 0) + 1
            for place, number in counts.items():
                typer.echo(f"{place}: {counted(number, 'change')}")
            if not counts:
                typer.echo("Nothing is corrected.")
            older = outdated(opened)
            if older:
                show.oddities(older)


def _measure(experiment: Experiment, edit: Edit) -> None:
    from napari_tmaps.errors import NotFoundError
    from napari_tmaps.model.progress import run
    from napari_tmaps.pipeline.remeasure import remeasure

    try:
        run(remeasure(experiment, edit.place, edit.touched))
    except NotFoundError as error:  # imported objects have no pipeline; the change stands
        show.oddities([str(error)])


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
