"""The notice that a first run shows, and `emostream notice` always: what is heard, what leaves, what the law says."""

from pathlib import Path
from typing import Final

NOTICE: Final = """\
emostream listens to voices and estimates how they sound. Before you use it on anybody:
  * Tell everyone who may be heard. Who runs a system that recognises emotions must inform the persons exposed to it
    (EU AI Act, Regulation 2024/1689, Article 50(3)).
  * Not at work and not in education: inferring emotions of people there is prohibited in the EU, but for medical or
    safety reasons (Article 5(1)(f)).
  * An estimate says how a voice sounds to a network, not what a person feels. It is often wrong; decide nothing by it
    alone.
  * Sound never leaves this program. Estimates leave it only for the broker that you name, spoken words only with
    --publish-transcript. No log holds a spoken word.
"""

SHORT: Final = "First run: tell everyone who may be heard, and read what the law forbids: emostream notice"
"""The same for the dashboard, where there is little room."""


def first_time(seen: Path) -> bool:
    """Return whether the notice was never shown here, and remember that it is shown now.

    `seen` is the file that remembers. Where it cannot be written the notice comes every time: rather twice than never.
    """
    if seen.exists():
        return False
    try:
        seen.parent.mkdir(parents=True, exist_ok=True)
        seen.touch()
    except OSError:
        return True
    return True
