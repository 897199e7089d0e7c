"""Settings: the template tells the truth, every mistake is found at once, and the nearer place wins."""

import os
import re
import tomllib
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from streamer import config
from streamer.errors import ConfigError
from streamer.features.speech import SpeechRules
from streamer.features.windows import WindowRules
from streamer.mood import MoodRules
from streamer.settings import Settings

TEMPLATE = Path(__file__).parents[2] / "config.toml"
NOWHERE = {"XDG_CONFIG_HOME": "/nonexistent"}


def problems(text: str, tmp_path: Path, environ: dict[str, str] | None = None, **options: tuple[str, str]) -> list[str]:
    """Return the lines of the error that `text` as a file makes, without the file's own name."""
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        config.load(file, {**NOWHERE, **(environ or {})}, {key.replace("__", "."): v for key, v in options.items()})
    return str(raised.value).replace(f"{tmp_path}{os.sep}", "").splitlines()


def test_the_template_holds_exactly_the_defaults() -> None:
    assert config.load(TEMPLATE, NOWHERE, {}).settings == Settings()


def test_the_template_names_every_key_once_and_nothing_else() -> None:
    text = re.sub(r"^# (\w+ = )", r"\1", TEMPLATE.read_text(), flags=re.MULTILINE)
    named = [f"{section}.{name}" for section, content in tomllib.loads(text).items() for name in content]
    assert sorted(named) == sorted(config.keys())


def test_every_line_of_the_template_says_what_it_is() -> None:
    bare = [
        line for line in TEMPLATE.read_text().splitlines() if re.match(r"(# )?\w+ = ", line) and line.count("#") < 1
    ]
    assert bare == []


def test_defaults_are_those_of_the_rooms_that_use_them() -> None:
    settings = Settings()
    assert settings.mood.model_dump() == asdict(MoodRules())
    assert (settings.voice.threshold, settings.voice.release) == (SpeechRules().enter, SpeechRules().leave)
    assert settings.voice.min_silence_s == SpeechRules().min_silence_s
    assert settings.voice.hangover_s == WindowRules().hangover_s
    assert settings.voice.min_speech_s == WindowRules().min_speech_s
    assert settings.model.hop_ms == WindowRules().hop_columns * 20


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[mood]\nrise = 3", "c.toml: mood.rise is no setting; the nearest is mood.rise_s"),
        ("[modle]\nname = 'x'", "c.toml: modle is no section; the nearest is model"),
        ("hop_ms = 160", "c.toml: hop_ms is no section; the nearest is model.hop_ms"),
        ("[source]\nhop_ms = 160", "c.toml: source.hop_ms is no setting; the nearest is model.hop_ms"),
        ("model = 'deep'", 'c.toml: model is "deep", wanted a section: [model] on a line of its own'),
        ("[mood]\nenter = 2.0", "c.toml: mood.enter is 2.0, wanted a number from 0 to 1"),
        ("[mood]\nenter = 'x'", 'c.toml: mood.enter is "x", wanted a number from 0 to 1'),
        ("[mood]\nrise_s = nan", "c.toml: mood.rise_s is nan, wanted a number from 0 to 60"),
        (
            "[model]\nhop_ms = 100",
            "c.toml: model.hop_ms is 100, wanted a whole number from 80 to 8000 in steps of 80",
        ),
        ("[model]\ndevice = 'gpu'", 'c.toml: model.device is "gpu", wanted one of auto, cpu, cuda'),
        ("[model]\nthreads = true", "c.toml: model.threads is true, wanted a whole number from 1 to 256"),
        ("[model]\nthreads = 1.5", "c.toml: model.threads is 1.5, wanted a whole number from 1 to 256"),
        ("[model]\nunsure_below = 3", "c.toml: model.unsure_below is 3, wanted a number from 0 to 1"),
        ("[dashboard]\nascii = 'yes'", 'c.toml: dashboard.ascii is "yes", wanted true or false'),
        ("[source]\nmic = -1", "c.toml: source.mic is -1, wanted a whole number from 0 up or text"),
        ("[mqtt]\nnode = 'a/b'", "c.toml: mqtt.node is \"a/b\", wanted 1 to 64 letters, digits, '_' or '-'"),
        ('[mqtt]\nnode = "a\\n"', "c.toml: mqtt.node is \"a\\n\", wanted 1 to 64 letters, digits, '_' or '-'"),
        (
            "[mqtt]\nurl = 'http://h'",
            f'c.toml: mqtt.url is "http://h", wanted {config.allowed("mqtt", "url")}',
        ),
        ("[voice]\nrelease = 0.9", "c.toml: voice.release is 0.9, wanted at most voice.threshold, 0.5"),
        ("[mood]\nenter = 0.1", f"default: mood.exit is {MoodRules().exit:g}, wanted at most mood.enter, 0.1"),
        ("[mood\n", "c.toml: not TOML: Expected ']' at the end of a table declaration (at line 1, column 6)"),
        ("a = " + "[" * 5000, "c.toml: not TOML that can be read: nested too deeply"),
    ],
)
def test_a_mistake_is_one_sentence(text: str, line: str, tmp_path: Path) -> None:
    assert problems(text, tmp_path) == [line]


def test_all_mistakes_come_at_once_from_every_place(tmp_path: Path) -> None:
    found = problems(
        "[mood]\nrise = 3\nenter = 2",
        tmp_path,
        {"EMOSTREAM_MQQT__URL": "x", "EMOSTREAM_MODEL__THREADS": "many"},
        source__chunk_ms=("--chunk-ms", "abc"),
    )
    assert found == [
        "5 settings are wrong; nothing was started",
        "c.toml: mood.rise is no setting; the nearest is mood.rise_s",
        "environment: EMOSTREAM_MQQT__URL is no variable; the nearest is EMOSTREAM_MQTT__URL",
        "c.toml: mood.enter is 2, wanted a number from 0 to 1",
        'EMOSTREAM_MODEL__THREADS: model.threads is "many", wanted a whole number from 1 to 256',
        '--chunk-ms: source.chunk_ms is "abc", wanted a whole number from 5 to 1000',
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[mqtt]\npassword = 'hunter2'",
        "[mqtt]\nurl = 'mqtt://u:hunter2@h'",
        "[mqtt]\npasswort = 'hunter2'",
        "password = 'hunter2'",
    ],
)
def test_a_secret_is_never_shown(text: str, tmp_path: Path) -> None:
    assert "hunter2" not in "\n".join(problems(text, tmp_path))


def test_a_password_in_a_file_is_refused_with_the_places_where_it_belongs(tmp_path: Path) -> None:
    wanted = "c.toml: mqtt.password is never read from a file; set EMOSTREAM_MQTT_PASSWORD or mqtt.password_file"
    assert problems("[mqtt]\npassword = 'hunter2'", tmp_path) == [wanted]


def test_the_command_line_goes_before_the_environment_before_the_file_before_the_default(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[model]\nthreads = 2\nhop_ms = 240\nname = 'filed'\n")
    environ = {"EMOSTREAM_MODEL__HOP_MS": "320", "EMOSTREAM_MODEL__NAME": "variable"}
    loaded = config.load(file, environ, {"model.name": ("--model", "typed")})
    model = loaded.settings.model
    assert (model.name, model.hop_ms, model.threads, model.device) == ("typed", 320, 2, "auto")
    assert loaded.origins == {
        "model.name": "--model",
        "model.hop_ms": "EMOSTREAM_MODEL__HOP_MS",
        "model.threads": str(file),
    }


def test_the_users_own_file_is_read_where_it_is(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert config.load(None, environ, {}).settings == Settings()
    config.user_file(environ).parent.mkdir()
    config.user_file(environ).write_text("[model]\nthreads = 3\n")
    assert config.load(None, environ, {}).settings.model.threads == 3


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no such file; give --config a file like config\.toml"):
        config.load(tmp_path / "none.toml", NOWHERE, {})


def test_a_folder_and_foreign_bytes_are_no_files_of_settings(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        config.load(tmp_path, NOWHERE, {})
    (tmp_path / "c.toml").write_bytes(b"[model]\n# \xff\n")
    with pytest.raises(ConfigError, match=r"not text in UTF-8 \(at line 2\)"):
        config.load(tmp_path / "c.toml", NOWHERE, {})


def test_the_listing_shows_values_and_origins_but_no_secret() -> None:
    environ = {**NOWHERE, "EMOSTREAM_MQTT_PASSWORD": "hunter2", "EMOSTREAM_MODEL__THREADS": "2"}
    loaded = config.load(None, environ, {})
    lines = config.listing(loaded).splitlines()
    assert loaded.settings.mqtt.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(loaded) + "".join(lines)
    assert "model.threads = 2  # EMOSTREAM_MODEL__THREADS" in lines
    assert "model.hop_ms = 160  # default" in lines
    assert 'mqtt.password = "***"' in lines


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().model.threads = 2  # type: ignore[misc]


@given(st.binary(max_size=300))
def test_no_bytes_make_anything_but_settings_or_the_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzz.toml"
    file.write_bytes(content)
    with suppress(ConfigError):
        config.load(file, NOWHERE, {})


@given(st.sampled_from(config.keys()), st.text(max_size=12))
def test_any_value_in_a_variable_is_taken_or_refused_by_name(key: str, value: str) -> None:
    variable = "EMOSTREAM_" + key.replace(".", "__").upper()
    raised = ""
    try:
        config.load(None, {**NOWHERE, variable: value}, {})
    except ConfigError as error:
        raised = str(error)
    assert "\n" not in raised
    assert not raised or key.split(".")[1] in raised
