"""The one logger of the library."""

from __future__ import annotations

import logging

__all__ = ["logger"]

logger = logging.getLogger("hnnlib")
