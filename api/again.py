"""Guard ends in order and is started again, so that it reads its settings anew.

It does so only where somebody starts it again: `liftguard run`, or systemd (``Restart=always``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

AGAIN: Final = 75
"""Exit code for "start me again": EX_TEMPFAIL of sysexits.h, which no error of ours uses."""

SUPERVISED: Final = "SUPERVISED_BY_LIFTGUARD"
"""Set in the environment of what `liftguard run` starts. It has no prefix of a setting: it is none."""


def is_started_again(env: Mapping[str, str]) -> bool:
    """Whether a process with this environment is started again when it ends.

    ``NOTIFY_SOCKET`` is there when systemd runs it as our unit does (``Type=notify``).
    """
    return bool(env.get(SUPERVISED) or env.get("NOTIFY_SOCKET"))
