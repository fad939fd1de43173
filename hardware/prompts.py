"""What the voice says, how loud, and when it keeps quiet."""

from __future__ import annotations

import re
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Final, Literal

import numpy as np

from vision.errors import ConfigError

Language = Literal["zh", "en"]

SOUNDS: Final = Path(__file__).parent / "sounds"
MAX_S: Final = 60.0  # longest prompt
_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From a local time until another, which is on the next day if it is the earlier of the two."""

    begin: time
    end: time

    @classmethod
    def parse(cls, text: str) -> QuietHours:
        """``"22:00-07:00"``. Raises: ConfigError."""
        found = _HOURS.fullmatch(text.strip())
        if found is None:
            raise ConfigError(f"quiet hours {text!r} are not understood: write them as '22:00-07:00'")
        hour, minute, end_hour, end_minute = (int(number) for number in found.groups())
        begin, end = time(hour, minute), time(end_hour, end_minute)
        if begin == end:
            raise ConfigError(f"quiet hours {text!r} end when they begin; for all day set volume_percent")
        return cls(begin, end)

    def __contains__(self, at: time) -> bool:
        """Whether it is quiet at this local time; the end is no longer."""
        if self.begin < self.end:
            return self.begin <= at < self.end
        return at >= self.begin or at < self.end


@dataclass(frozen=True, slots=True)
class Prompt:
    """A sound file that can be played as it is."""

    path: Path
    length_s: float


class Prompts:
    """The prompts of one elevator at any volume. Not thread-safe: it belongs to the voice's thread.

    Quieter copies are made on first use, in a temporary folder, because not every player has a volume.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = tuple(files)
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._made: dict[tuple[Path, int], Prompt] = {}

    def at(self, percent: int) -> tuple[list[Prompt], str]:
        """The prompts, at ``percent`` of their files' own amplitude, and what is wrong with the others."""
        prompts, trouble = [], []
        for file in self._files:
            try:
                prompts.append(self._one(file, percent))
            except (OSError, EOFError, wave.Error, ConfigError) as exc:
                trouble.append(f"the prompt {file} cannot be played: {exc or 'it ends too early'}")
        return prompts, "; ".join(trouble)

    def close(self) -> None:
        """Remove the copies; idempotent."""
        self._made.clear()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _one(self, file: Path, percent: int) -> Prompt:
        key = (file, percent)
        if key not in self._made:
            with wave.open(str(file), "rb") as sound:
                params = sound.getparams()
                length_s = params.nframes / params.framerate
                if params.sampwidth != 2 or not 0.0 < length_s <= MAX_S:
                    raise ConfigError(
                        f"it has {8 * params.sampwidth} bit and {length_s:.1f} s: use a WAV file of 16 bit "
                        f"PCM of at most {MAX_S:.0f} s"
                    )
                data = sound.readframes(params.nframes)
            self._made[key] = Prompt(
                file if percent == 100 else self._quieter(data, params, percent), length_s
            )
        return self._made[key]

    def _quieter(self, data: bytes, params: wave._wave_params, percent: int) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="liftguard-voice-")
        samples = np.frombuffer(data, "<i2").astype(np.float32) * (percent / 100)
        path = Path(self._folder.name) / f"{len(self._made)}.wav"
        with wave.open(str(path), "wb") as out:
            out.setparams(params)
            out.writeframes(np.round(samples).astype("<i2").tobytes())
        return path


def shipped(languages: Sequence[Language]) -> list[Path]:
    """The shipped prompts; `hardware/sounds/make_prompts.py` makes them."""
    return [SOUNDS / f"take_it_out_{language}.wav" for language in languages]
