"""Every model that is shipped, through the whole program on the bundled recording."""

from pathlib import Path

import pytest
import soundfile

from streamer.network import checkpoint, contract
from tests.e2e.program import DEMO, ROOT, estimates, repeatable, run

SHIPPED = {entry.name: entry.card for entry in checkpoint.installed([ROOT / "models"])}
HOP_S = 0.16


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_listens(name: str, tmp_path: Path) -> None:
    card = SHIPPED[name]
    assert card is not None
    options = ("--wav", str(DEMO), "--fast", "--json", "--asr", "none", "--model", name)
    done = run(tmp_path, *options)
    assert done.returncode == 0, done.stderr
    found = estimates(done.stdout)
    assert len(found) == pytest.approx(soundfile.info(DEMO).duration / HOP_S, abs=2)
    assert {one["model"] for one in found} == {card.name}
    judged = [one for one in found if one["probabilities"]]
    assert len(judged) > len(found) / 2
    assert {one["label"] for one in found} - {None} <= set(contract.EMOTIONS)
    assert len({max(one["probabilities"], key=one["probabilities"].get) for one in judged}) >= 3
    again = run(tmp_path, *options, "--chunk-ms", "37")
    assert repeatable(estimates(again.stdout)) == repeatable(found)
