"""Who may see what of a file: the seam to the blurring of faces."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from api.evidence.files import EvidenceFile


class Blurrer(Protocol):
    """Makes copies in which nobody can be recognised. Called on a worker thread; may take seconds."""

    def blurred(self, file: EvidenceFile, root: Path) -> Path:
        """A blurred copy of ``file``, which lies in the evidence folder ``root``; made if there is none yet.

        The caller has checked that the file is whole. The copy stays in place while it is being read (it may
        be replaced by renaming). Raises: EvidenceError if it cannot be made; then nothing is shown.
        """
        ...
