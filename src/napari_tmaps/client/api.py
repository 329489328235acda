"""`TmClient`: an experiment of a server by names, without knowing of addresses and ids."""

from __future__ import annotations

from napari_tmaps.client.exhibit import ExhibitCalls
from napari_tmaps.client.experiments import ExperimentCalls
from napari_tmaps.client.tools import ToolCalls
from napari_tmaps.client.workflow import WorkflowCalls


class TmClient(ExhibitCalls, ExperimentCalls, ToolCalls, WorkflowCalls):
    """One user at one server, and an experiment there.

    Parameters
    ----------
    host, port
        Of `tmaps serve`.
    username, password
        Of the user.
    experiment_name
        The experiment; None takes the only one that the user has.
    https
        True for a server with a certificate, or a context for one that is not widely trusted.

    Raises
    ------
    RefusedError
        The name or the password is wrong.
    StorageError
        The server cannot be reached.
    """
