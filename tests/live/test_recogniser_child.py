"""The child process seen by its owner: every way to misbehave ends in one sentence that repeats no spoken word."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass

import pytest

from streamer.engines import child, wire
from streamer.engines.asr_models import choose
from streamer.engines.child import ChildLostError, ChildSpec, child_environment
from streamer.records import SpeechSound
from tests.harness.speech import spoken, utterance
from tests.signals import silence

SENTENCE = "I am so happy to see you my dear friend"


@dataclass(frozen=True, slots=True)
class RogueSpec(ChildSpec):
    """Starts the program that misbehaves."""

    def command(self, scratch: str) -> list[str]:
        return [
            sys.executable, "-P", "-m", "tests.harness.rogue_child", json.dumps({"engine": self.engine})
        ]  # fmt: skip


async def lose(how: str, *, deadline_s: float = 20.0) -> ChildLostError:
    """Return how a child that misbehaves in the way `how` was lost."""
    sound = SpeechSound(0, 0, silence(1600), last=False)
    with pytest.raises(ChildLostError) as lost:  # noqa: PT012 (each of the three may find out)
        async with child.start(RogueSpec(how, "", False, False, 1.0), os.environ, lambda: None) as process:
            await process.ready(deadline_s)
            await process.hear(sound, 0, lambda _: None, more=False, deadline_s=deadline_s)
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
    return lost.value


@pytest.mark.parametrize("how", ["garbage", "endless line"])
async def test_garbage_is_refused(how: str) -> None:
    assert str(await lose(how)) == "the recogniser answered with something that is no answer"


async def test_a_child_that_never_gets_ready_is_killed() -> None:
    assert str(await lose("mute", deadline_s=0.5)) == "the recogniser did not load its model within 0.5 s"


@pytest.mark.parametrize("how", ["hangs", "endless words"])
async def test_a_child_that_does_not_answer_is_killed(how: str) -> None:
    assert "the recogniser did not " in str(await lose(how, deadline_s=1.5))


async def test_what_stderr_says_while_loading_is_the_reason() -> None:
    wanted = "the recogniser stopped (SIGABRT): WARNING: the disk is on fire"
    assert str(await lose("aborts while loading")) == wanted


async def test_of_what_stderr_says_after_sound_was_given_only_the_place_is_kept() -> None:
    wanted = "the recogniser stopped (SIGABRT): ASSERTION_FAILED (VoskAPI:Hear():secret-code.cc:42)"
    assert str(await lose("spills words")) == wanted


async def test_a_child_that_gives_up_is_believed_without_its_control_characters() -> None:
    lost = await lose("says so")
    assert lost.for_good
    assert str(lost) == "a file is[31m damaged"


async def test_bad_bytes_are_replaced() -> None:
    heard: list[wire.Words] = []
    sound = SpeechSound(0, 0, silence(1600), last=True)
    async with child.start(RogueSpec("not utf-8", "", False, False, 1.0), os.environ, lambda: None) as process:
        await process.ready(20.0)
        await process.hear(sound, 0, heard.append, more=False, deadline_s=20.0)
    assert [word.text for word in heard[0].words] == ["caf\ufffd"]


async def test_a_program_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ChildLostError, match=r"the recogniser's process cannot be started \(No such file"):
        async with child.start(ChildSpec("vosk", "", True, True, 1.0), os.environ, lambda: None):
            pass


def test_the_child_does_not_get_our_secrets_and_finds_this_program() -> None:
    environment = child_environment({"EMOSTREAM_MQTT_PASSWORD": "x", "HOME": "/h", "PYTHONPATH": "/p"})
    assert "EMOSTREAM_MQTT_PASSWORD" not in environment
    assert environment["HOME"] == "/h"
    assert environment["PYTHONPATH"].endswith(f"{os.pathsep}/p")


def test_the_program_says_words_on_stdout_alone_and_ends_with_its_stdin(whisper_folder: str) -> None:
    spec = ChildSpec("whisper", whisper_folder, deterministic=True, lock_step=True, partial_every_s=1.0)
    pieces = [wire.piece_to_bytes(s, more=False) for s in utterance(0, 0, spoken(SENTENCE), piece=8000)]
    ended = subprocess.run(
        spec.command("/nowhere"), input=b"".join(pieces), capture_output=True, timeout=60, check=True,
        env=child_environment(os.environ),
    )  # fmt: skip
    replies = [wire.line_to_reply(line, 0, len(spoken(SENTENCE))) for line in ended.stdout.splitlines()]
    assert replies[0] == wire.Ready()
    assert sum(isinstance(reply, wire.Heard) for reply in replies) == len(pieces)
    assert ended.stderr == b""


def test_half_a_piece_or_nothing_ends_the_program_in_peace(whisper_folder: str) -> None:
    spec = ChildSpec("whisper", whisper_folder, deterministic=True, lock_step=True, partial_every_s=1.0)
    ended = subprocess.run(
        spec.command("/nowhere"), input=b"\x00" * 9, capture_output=True, timeout=60, check=True,
        env=child_environment(os.environ),
    )  # fmt: skip
    assert ended.stdout == wire.reply_to_line(wire.Ready())


@pytest.mark.parametrize("spec", ["no json", "{}", '{"engine": "whisper", "folder": "/nowhere"}'])
def test_a_program_that_cannot_start_says_so(spec: str) -> None:
    command = [sys.executable, "-m", "streamer.engines.recogniser_child", spec]
    ended = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert isinstance(wire.line_to_reply(ended.stdout, 0, 0), wire.Failed)


@pytest.fixture
def whisper_folder() -> str:
    return str(choose("whisper", None, None, ()).folder)


async def test_its_end_is_noticed_while_nobody_speaks() -> None:
    noticed = asyncio.Event()
    async with child.start(RogueSpec("hangs", "", False, False, 1.0), os.environ, noticed.set) as process:
        await process.ready(20.0)
        before = process.is_lost
        process.kill()
        async with asyncio.timeout(10):
            await noticed.wait()
        assert (before, process.is_lost) == (False, True)
        assert str(await process.why_lost()) == "the recogniser stopped (SIGKILL)"
