"""Settings from four places: command line over environment over file over default. The only reader of TOML.

Every problem is found before anything is opened, and all are reported at once, one line each: where it stands, the key,
what was found, what is allowed, and the nearest known key. Where each value came from is kept for `--check-config`.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import platformdirs
from pydantic import SecretStr, ValidationError

from streamer.errors import ConfigError
from streamer.settings import Section, Settings

ENVIRONMENT_PREFIX: Final = "EMOSTREAM_"
PASSWORD_VARIABLE: Final = "EMOSTREAM_MQTT_PASSWORD"  # noqa: S105 (the name of a variable)
LARGEST_FILE_BYTES: Final = 1_000_000
LONGEST_SHOWN: Final = 60

SECRET_WORDS: Final = ("pass", "secret", "token", "credential")
"""A value under a key with one of these in it is never shown, even where the key is wrong."""


@dataclass(frozen=True, slots=True)
class Given:
    """One value that somebody set, and where."""

    key: str
    """Section and name, with a dot."""
    value: object
    origin: str
    """A file, a variable, or an option, as the user wrote it."""
    is_text: bool = False
    """From a variable or an option: to be read as the type that the setting has."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and where each that is not a default came from."""

    settings: Settings
    origins: Mapping[str, str]


def load(file: Path | None, environ: Mapping[str, str], options: Mapping[str, tuple[str, str | bool]]) -> Loaded:
    """Return the settings in force.

    `file` None means the user's own file, if there is one. `options` is key -> (option as typed, value).
    Raises: ConfigError, one line per problem.
    """
    problems: list[str] = []
    given = [*_from_file(file, environ, problems), *_from_environment(environ, problems)]
    given += [Given(key, value, option, is_text=True) for key, (option, value) in options.items()]
    values: dict[str, dict[str, object]] = {}
    origins: dict[str, str] = {}
    for one in given:
        section, name = one.key.split(".", 1)
        try:
            value = _checked(section, name, one)
        except ValidationError:
            problems.append(f"{one.origin}: {one.key} is {_shown(one)}, wanted {allowed(section, name)}")
        else:
            values.setdefault(section, {})[name] = value
            origins[one.key] = one.origin
    values.setdefault("mqtt", {})["password"] = SecretStr(environ.get(PASSWORD_VARIABLE, ""))
    settings = Settings.model_validate(values)
    problems += [f"{origins.get(key, 'default')}: {text}" for key, text in _contradictions(settings)]
    if problems:
        count = f"{len(problems)} settings are wrong; nothing was started\n" if len(problems) > 1 else ""
        raise ConfigError(count + "\n".join(problems))
    return Loaded(settings, origins)


def user_file(environ: Mapping[str, str]) -> Path:
    """Return where the user's own file is looked for: the platform's folder, or XDG_CONFIG_HOME."""
    home = environ.get("XDG_CONFIG_HOME")
    folder = Path(home) / "emostream" if home else platformdirs.user_config_path("emostream")
    return folder / "config.toml"


def keys() -> list[str]:
    """Return every key that a file may set, in the order of the sections."""
    return [
        f"{section}.{name}"
        for section in Settings.model_fields
        for name, field in _section(section).model_fields.items()
        if not field.exclude
    ]


def allowed(section: str, name: str) -> str:
    """Return in words what a setting may be."""
    return _words(_section(section).model_json_schema()["properties"][name])


def listing(loaded: Loaded) -> str:
    """Return every setting with its value in force and its origin, secrets as ***."""
    lines = []
    for key in keys():
        section, name = key.split(".")
        value = getattr(getattr(loaded.settings, section), name)
        lines.append(f"{key} = {_toml(value)}  # {loaded.origins.get(key, 'default')}")
    password = loaded.settings.mqtt.password.get_secret_value()
    lines.append(f"mqtt.password = {_toml('***' if password else None)}")
    return "\n".join(lines)


def _section(name: str) -> type[Section]:
    section = Settings.model_fields[name].annotation
    if not (isinstance(section, type) and issubclass(section, Section)):
        message = f"{name} is no section"
        raise TypeError(message)
    return section


def _checked(section: str, name: str, given: Given) -> object:
    alone = _section(section).model_validate({name: given.value}, strict=not given.is_text)
    value: object = getattr(alone, name)
    return value


def _from_file(file: Path | None, environ: Mapping[str, str], problems: list[str]) -> list[Given]:
    path = file or user_file(environ)
    if file is None and not path.is_file():
        return []
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            problems.append(f"{path}: larger than {LARGEST_FILE_BYTES} bytes, which no file of settings is")
            return []
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.append(f"{path}: there is no such file; give --config a file like config.toml")
    except OSError as error:
        problems.append(f"{path}: cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problems.append(f"{path}: not text in UTF-8 (at line {line})")
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{path}: not TOML: {error}")
    except RecursionError:
        problems.append(f"{path}: not TOML that can be read: nested too deeply")
    else:
        return list(_from_document(document, str(path), problems))
    return []


def _from_document(document: dict[str, object], origin: str, problems: list[str]) -> Iterator[Given]:
    for section, content in document.items():
        if section not in Settings.model_fields:
            problems.append(f"{origin}: {_unknown(section, list(Settings.model_fields), 'section')}")
        elif not isinstance(content, dict):
            found = _shown(Given(section, content, origin))
            problems.append(f"{origin}: {section} is {found}, wanted a section: [{section}] on a line of its own")
        else:
            for name, value in content.items():
                key = f"{section}.{name}"
                if key in keys():
                    yield Given(key, value, origin)
                else:
                    problems.append(f"{origin}: {_unknown(key, keys(), 'setting')}")


def _from_environment(environ: Mapping[str, str], problems: list[str]) -> Iterator[Given]:
    variables = {ENVIRONMENT_PREFIX + key.replace(".", "__").upper(): key for key in keys()}
    for variable in sorted(name for name in environ if name.startswith(ENVIRONMENT_PREFIX)):
        if variable in variables:
            yield Given(variables[variable], environ[variable], variable, is_text=True)
        elif variable != PASSWORD_VARIABLE:
            text = _unknown(variable, [*variables, PASSWORD_VARIABLE], "variable")
            problems.append(f"environment: {text}")


def _contradictions(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield (key, what is wrong) for values that are each allowed, but not together.

    Whether a broker may be used as named is for `sinks/address.py` to say, which reads the files that it needs.
    """
    voice, mood, mqtt = settings.voice, settings.mood, settings.mqtt
    if voice.release > voice.threshold:
        yield "voice.release", f"voice.release is {voice.release}, wanted at most voice.threshold, {voice.threshold}"
    if mood.exit > mood.enter:
        yield "mood.exit", f"mood.exit is {mood.exit}, wanted at most mood.enter, {mood.enter}"
    if mqtt.embedded and mqtt.url:
        yield "mqtt.url", "mqtt.url names a broker beside mqtt.embedded, wanted one of the two"


def _unknown(key: str, known: list[str], kind: str) -> str:
    """Return the sentence about a key that nobody knows, with the nearest that somebody does."""
    if key.rsplit(".", 1)[-1] == "password":
        return f"{key} is never read from a file; set {PASSWORD_VARIABLE} or mqtt.password_file"
    last = key.rsplit(".", 1)[-1]
    elsewhere = [other for other in keys() if other.endswith(f".{last}")]
    near = elsewhere or get_close_matches(key, known, n=1, cutoff=0.0)
    return f"{_printable(key)[:LONGEST_SHOWN]} is no {kind}; the nearest is {near[0]}"


def _shown(given: Given) -> str:
    if any(word in given.key for word in SECRET_WORDS) or (isinstance(given.value, str) and "@" in given.value):
        return "***"
    text = _toml(given.value)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + _printable(value.replace("\\", "\\\\").replace('"', '\\"')) + '"'
    return "none" if value is None else _printable(str(value))


def _printable(text: str) -> str:
    """Return `text` on one line, with nothing in it that moves or colours a terminal."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def _words(schema: dict[str, object]) -> str:
    if "allowed" in schema:
        return str(schema["allowed"])
    if "enum" in schema and isinstance(choices := schema["enum"], list):
        return "one of " + ", ".join(map(str, choices))
    if "anyOf" in schema and isinstance(ways := schema["anyOf"], list):
        return " or ".join(_words(way) for way in ways if way.get("type") != "null")
    if "const" in schema:
        return f'"{schema["const"]}"'
    kinds = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "string": "text"}
    words = kinds[str(schema["type"])]
    if "minimum" in schema and "maximum" in schema:
        words += f" from {schema['minimum']} to {schema['maximum']}"
    elif "minimum" in schema:
        words += f" from {schema['minimum']} up"
    return words + (f" in steps of {schema['multipleOf']}" if "multipleOf" in schema else "")
