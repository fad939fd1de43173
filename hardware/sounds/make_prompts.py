"""Make the shipped prompts with espeak-ng (https://github.com/espeak-ng/espeak-ng, 1.51).

    apt install espeak-ng && python hardware/sounds/make_prompts.py

What espeak-ng speaks is not covered by its licence. Written beside this file: mono, 16 bit, 16 kHz, at most
200 KB each. A recording of a real voice sounds better; `voice.files` names one.
"""

from __future__ import annotations

import io
import subprocess
import wave
from pathlib import Path
from typing import Final

import numpy as np
from scipy.signal import resample_poly

RATE_HZ: Final = 16_000
PEAK: Final = 0.9  # of full scale; leaves the player a little room
QUIET: Final = 0.01  # of full scale: below it, the ends count as silence
MARGIN_S: Final = 0.1  # silence kept at both ends
MAX_BYTES: Final = 200_000
# language: espeak-ng voice, words a minute, text. Not the voice "cmn": it reads its pinyin as English.
PROMPTS: Final = {
    "zh": ("cmn-latn-pinyin", 170, "请勿将电动自行车推入电梯，请推出电梯，谢谢。"),
    "en": (
        "en-gb",
        155,
        "Electric bicycles must not go in the elevator. Please take it out. Thank you.",
    ),
}


def speak(voice: str, words_per_min: int, text: str) -> bytes:
    """The text as a WAV file, mono, 16 bit, `RATE_HZ`."""
    command = ["espeak-ng", "-v", voice, "-s", str(words_per_min), "--stdout", text]
    spoken = subprocess.run(command, capture_output=True, check=True).stdout
    # espeak-ng cannot know the length when it writes the header to a pipe; a RIFF header is 44 bytes here
    rate_hz = int.from_bytes(spoken[24:28], "little")
    sound = np.frombuffer(spoken[44 : len(spoken) // 2 * 2], "<i2").astype(np.float64) / 2**15
    sound = resample_poly(sound, RATE_HZ, rate_hz)
    loud = np.flatnonzero(np.abs(sound) > QUIET)
    margin = round(MARGIN_S * RATE_HZ)
    sound = sound[max(0, loud[0] - margin) : loud[-1] + margin]
    samples = np.round(sound * (PEAK / np.abs(sound).max()) * (2**15 - 1)).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes(samples.tobytes())
    return file.getvalue()


def main() -> None:
    """Write every prompt."""
    for language, prompt in PROMPTS.items():
        data = speak(*prompt)
        if len(data) > MAX_BYTES:
            raise SystemExit(f"{language} has {len(data)} bytes; at most {MAX_BYTES}: speak faster or less")
        path = Path(__file__).with_name(f"take_it_out_{language}.wav")
        path.write_bytes(data)
        print(f"{path.name}: {len(data)} bytes, {(len(data) - 44) / 2 / RATE_HZ:.1f} s")


if __name__ == "__main__":
    main()
