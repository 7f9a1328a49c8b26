"""Searches by their names."""

from __future__ import annotations

from typing import Any

from immutabledict import immutabledict

from hnnlib.base.errors import InvalidType, UnknownName
from hnnlib.optimization.objectives import Objective
from hnnlib.optimization.regression import Regression
from hnnlib.optimization.searches import CMAES, SOLVERS, Bayesian, LeastSquares, Local, MultiStart, Search

__all__ = ["METHODS", "default_method", "make_search"]

METHODS: immutabledict[str, Any] = immutabledict(
    {
        "regression": Regression,
        "least-squares": LeastSquares,
        "cma": CMAES,
        "bayesian": Bayesian,
        "multi-start": MultiStart,
        **dict.fromkeys(SOLVERS, Local),
    }
)
"""The class of each search."""


def make_search(method: str | Search) -> Search:
    """Return a search by its name, with its usual settings.

    Parameters
    ----------
    method : str or Search
        ``'regression'``, ``'least-squares'``, ``'cma'``, ``'bayesian'``, ``'multi-start'``, ``'nelder-mead'``,
        ``'cobyla'``, ``'cobyqa'``, or a search with settings of its own, e.g. ``CMAES(popsize=16)``.

    Raises
    ------
    UnknownName
        If there is none of that name.
    """
    if not isinstance(method, str):
        if not (hasattr(method, "run") and hasattr(method, "name")):
            raise InvalidType("method", method, "must be a search or the name of one")
        return method
    if method not in METHODS:
        raise UnknownName("method", method, "search", METHODS)
    search: Search = Local(method) if method in SOLVERS else METHODS[method]()
    return search


def default_method(objective: Objective) -> str:
    """Return the search that found known parameters best, for what an objective offers.

    Parameters
    ----------
    objective : Objective
        What is to be small.
    """
    return "regression" if objective.has_residuals else "cma"
