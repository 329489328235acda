"""The errors that napari-tmaps raises on purpose.

TmapsError
├── InputError      (ValueError)   a value that the user gave does not fit
├── NotFoundError   (LookupError)  a thing asked for by name or path is not there
├── ExistsError     (ValueError)   a thing to be made is there already
├── FormatError     (ValueError)   a file is damaged, or not what it claims to be
├── PipelineError   (ValueError)   a pipeline that cannot run, or a module that failed
├── MissingError    (LookupError)  an image that the microscope never wrote, or that is lost
└── StorageError    (OSError)      the disk refused: no space, no permission, file vanished

Each is a builtin too, so that scripts may catch what they know. A message says which thing,
which value, what would fit and what to do, in the user's words.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class TmapsError(Exception):
    """Base of all errors that are meant for the user."""


class InputError(TmapsError, ValueError):
    """A value given by the user does not fit."""


class NotFoundError(TmapsError, LookupError):
    """A thing that was asked for is not there."""


class ExistsError(TmapsError, ValueError):
    """A thing that should be made exists already."""


class FormatError(TmapsError, ValueError):
    """A file is damaged or not what it claims to be."""


class PipelineError(TmapsError, ValueError):
    """A pipeline cannot run, or one of its modules failed."""


class MissingError(TmapsError, LookupError):
    """An image is missing; it is never replaced by zeros."""


class StorageError(TmapsError, OSError):
    """The disk refused to read or write."""


def unknown(kind: str, name: object, known: Iterable[object]) -> NotFoundError:
    """The error for a name that does not exist, with what would fit.

    >>> str(unknown("channel", "DAPY", ["DAPI", "GFP"]))
    "There is no channel 'DAPY'. Did you mean 'DAPI'? There are: 'DAPI', 'GFP'."
    """
    names = [str(item) for item in known]
    near = get_close_matches(str(name), names, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    shown = ", ".join(f"'{item}'" for item in names[:20]) or "none at all"
    if len(names) > 20:
        shown += f" and {len(names) - 20} more"
    return NotFoundError(f"There is no {kind} '{name}'.{hint} There are: {shown}.")
