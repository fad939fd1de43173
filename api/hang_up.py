"""What SIGHUP means: in a terminal that it was closed; without one, as for any service, "read it again"."""

from __future__ import annotations

import os


def has_terminal() -> bool:
    """Whether this process belongs to a terminal that can hang up."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
