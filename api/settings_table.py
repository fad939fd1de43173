"""What every table of the settings has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """Frozen; a key that nobody knows is an error, and so is a default out of range."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
