"""Keeps commands in a file while the server is unreachable, and sends them later in order."""

from .async_spool import AsyncSpool
from .spool import Spool

__all__ = ["AsyncSpool", "Spool"]
