"""The functions that HNN-core's users write to put parameters into a network, in either order of their arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from hnnlib.base.errors import InvalidType

__all__ = ["takes_network_first", "with_params"]

_NETWORK_NAMES = ("net", "network")


def takes_network_first(set_params: Callable[..., Any], otherwise: bool) -> bool:
    """Return whether a callback is ``set_params(net, values)``; HNN-core has changed the order from class to class.

    Parameters
    ----------
    set_params : callable
        The callback. It is known by an argument whose name is or begins with ``net``.
    otherwise : bool
        What holds where the names say nothing.

    Raises
    ------
    InvalidType
        If it is no function of two arguments.
    """
    if not callable(set_params):
        raise InvalidType("set_params", set_params, "must be a function of a network and a dict of values")
    try:
        names = list(inspect.signature(set_params).parameters)
    except (TypeError, ValueError):
        return otherwise
    for position, name in enumerate(names[:2]):
        if name.lower().startswith(_NETWORK_NAMES):
            return position == 0
    return otherwise


def with_params(net: Any, set_params: Callable[..., Any], values: Mapping[str, Any], net_first: bool) -> Any:
    """Return a copy of a network with parameters set, or what the callback returns in its place."""
    made = net.copy()
    given = set_params(made, dict(values)) if net_first else set_params(dict(values), made)
    return made if given is None else given
