#!/usr/bin/env python3
"""Make the bundled recording streamer/data/demo.flac from RAVDESS.

`python tools/make_demo.py --corpora DIR`. Only speakers 15 and 16 are heard: no network of ours
was trained on them. Runs of one emotion, so that a label can settle.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from streamer.network import contract

CLIPS = (
    "actor16/03-01-04-02-01-01-16",
    "actor16/03-01-04-01-02-02-16",
    "actor16/03-01-04-02-01-02-16",
    "actor15/03-01-03-02-01-02-15",
    "actor15/03-01-03-01-01-02-15",
    "actor15/03-01-03-01-01-01-15",
    "actor16/03-01-06-02-02-02-16",
    "actor16/03-01-06-02-02-01-16",
    "actor16/03-01-06-02-01-02-16",
    "actor15/03-01-05-02-02-02-15",
    "actor15/03-01-05-02-01-02-15",
    "actor15/03-01-05-01-01-02-15",
    "actor16/03-01-08-01-01-02-16",
    "actor16/03-01-08-02-02-01-16",
    "actor16/03-01-08-02-01-02-16",
)
"""As they are heard; the third number is the emotion."""

EMOTIONS = {"03": "happy", "04": "sad", "05": "angry", "06": "fear", "08": "surprised"}

Cue = dict[str, float | str]
"""When a clip is heard and what it was meant to be, as it stands in demo.json."""

RATE = contract.STREAM_RATE_HZ
VOICE_RMS = 0.07
"""-23 dBFS: as loud as a person a metre from a good microphone."""

FLOOR_RMS = 0.0002
"""-74 dBFS of room, so that no device looks silent."""

GAPS_S = (0.5, 0.8)
"""Pause after a clip within a run, and before a run of another emotion."""

VOICE_RANGE_DB = 30.0
FADE_S = 0.03


def voice(path: Path) -> np.ndarray:
    """Return the part of a recording in which someone speaks, 0.1 s around it, at `VOICE_RMS`."""
    sound, rate = soundfile.read(path, dtype="float32")
    if rate != RATE:
        message = f"{path} has {rate} Hz, wanted {RATE}"
        raise ValueError(message)
    frame = RATE // 50
    frames = np.square(sound[: len(sound) // frame * frame]).reshape(-1, frame).mean(axis=1)
    db = 10.0 * np.log10(frames + 1e-12)
    voiced = np.flatnonzero(db > np.percentile(db, 95) - VOICE_RANGE_DB)
    margin = RATE // 10
    kept = sound[max(voiced[0] * frame - margin, 0) : (voiced[-1] + 1) * frame + margin].copy()
    kept *= VOICE_RMS / np.sqrt(np.mean(np.square(kept)))
    fade = np.linspace(0.0, 1.0, round(FADE_S * RATE), dtype=np.float32)
    kept[: len(fade)] *= fade
    kept[-len(fade) :] *= fade[::-1]
    return np.asarray(kept, np.float32)


def compose(root: Path) -> tuple[np.ndarray, list[Cue]]:
    """Return the whole recording at the stream rate, and when each clip is heard."""
    parts = [np.zeros(RATE // 2, np.float32)]
    cues: list[Cue] = []
    emotion = ""
    for name in CLIPS:
        heard = name.split("-")[2]
        gap_s = GAPS_S[heard != emotion] if emotion else 0.0
        parts += [np.zeros(round(gap_s * RATE), np.float32), voice(root / "ravdess" / "audio" / f"{name}.flac")]
        end = sum(len(part) for part in parts)
        cues.append(
            {
                "start_s": round((end - len(parts[-1])) / RATE, 2),
                "end_s": round(end / RATE, 2),
                "emotion": EMOTIONS[heard],
                "clip": name,
            }
        )
        emotion = heard
    parts.append(np.zeros(RATE, np.float32))
    whole = np.concatenate(parts)
    room = np.random.default_rng(1).standard_normal(len(whole), dtype=np.float32) * np.float32(FLOOR_RMS)
    return np.clip(whole + room, -1.0, 1.0), cues


def main() -> None:
    """Write the recording."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", type=Path, required=True, help="folder of the prepared corpora")
    parser.add_argument("--out", type=Path, default=Path("streamer/data/demo.flac"))
    args = parser.parse_args()
    whole, cues = compose(args.corpora)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(args.out, whole, RATE, subtype="PCM_16")
    args.out.with_suffix(".json").write_text(json.dumps(cues, indent=1) + "\n")
    print(f"{args.out}: {len(whole) / RATE:.1f} s, {len(CLIPS)} clips")


if __name__ == "__main__":
    main()
