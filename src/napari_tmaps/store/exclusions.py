"""Sites that a person took out of the analysis, each with a reason; nothing is ever forgotten.

The catalogue keeps all that was done, in order; what is excluded now is worked out from it.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd

from napari_tmaps.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from napari_tmaps.store.catalogue import Catalogue
    from napari_tmaps.store.experiment import Experiment

Site = tuple[str, str, int]

COLUMNS = ("when", "who", "action", "plate", "well", "site", "reason")
_KEY = "exclusions"


def change(
    catalogue: Catalogue, action: str, sites: Iterable[Site], reason: str, who: str = ""
) -> None:
    """Exclude sites, or include them again.

    Parameters
    ----------
    action
        "exclude" or "include".
    sites
        (plate, well, site).
    reason
        In the user's words; kept with the name of the user and the time.
    who
        Empty takes the name of the user's account.

    Raises
    ------
    InputError
        Another action, or no reason.
    NotFoundError
        A site that the experiment does not have; nothing is stored then.
    """
    if action not in ("exclude", "include"):
        raise InputError(f"'{action}' should be 'exclude' or 'include'.")
    if not reason.strip():
        raise InputError(f"Say why these sites are to be {action}d: the reason is kept with them.")
    table = catalogue.sites()
    known = set(zip(table["plate"], table["well"], table["site"].astype(int), strict=True))
    wanted = [(plate, well, int(site)) for plate, well, site in sites]
    for plate, well, site in wanted:
        if (plate, well, site) not in known:
            raise NotFoundError(f"Plate '{plate}' has no site {site} of well {well}.")
    when = datetime.now(UTC).isoformat(timespec="seconds")
    name = who or user_name()
    rows = [[when, name, action, *site, reason.strip()] for site in wanted]
    catalogue.set(_KEY, [*catalogue.get(_KEY, []), *rows])


def exclude_or_include(
    experiment: Experiment, action: str, sites: Iterable[Site], reason: str
) -> None:
    """`change`, on the server if the experiment is there.

    Raises
    ------
    TmapsError
        See `change`; or the server refuses.
    """
    if experiment.mirror is None:
        change(experiment.catalogue, action, sites, reason)
        return
    experiment.mirror.check_may_write()
    body = {"action": action, "sites": [list(site) for site in sites], "reason": reason}
    experiment.mirror.ask("POST", "/exclusions", body=body)
    experiment.refresh(thoroughly=False)


def history(catalogue: Catalogue) -> pd.DataFrame:
    """All that was ever excluded and included, in order; columns `COLUMNS`."""
    return pd.DataFrame(catalogue.get(_KEY, []), columns=list(COLUMNS))


def excluded(catalogue: Catalogue) -> dict[Site, str]:
    """Sites that are excluded now, and why."""
    found: dict[Site, str] = {}
    for _, _, action, plate, well, site, reason in catalogue.get(_KEY, []):
        found.pop((plate, well, site), None)
        if action == "exclude":
            found[plate, well, site] = reason
    return found


def user_name() -> str:
    """Name of the account of the person at work; "unknown" if it has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        return "unknown"
