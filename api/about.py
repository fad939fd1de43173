"""Which Liftguard this is."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as _installed


def version() -> str:
    """The installed version, or ``0+source`` when run from a source tree that was not installed."""
    try:
        return _installed("liftguard")
    except PackageNotFoundError:
        return "0+source"
