"""A recogniser's child process that misbehaves as its first argument says; stands in for `recogniser_child`."""

import json
import os
import sys
import time
from typing import TextIO


def say(line: str, to: TextIO) -> None:
    to.write(line + "\n")
    to.flush()


def main() -> None:
    how = json.loads(sys.argv[1])["engine"]
    if how == "mute":
        time.sleep(60)
    if how == "aborts while loading":
        say("WARNING: the disk is on fire", sys.stderr)
        os.abort()
    if how == "says so":
        say(json.dumps({"kind": "failed", "reason": "a file is\x1b[31m damaged", "for_good": True}), sys.stdout)
        return
    say('{"kind": "ready"}', sys.stdout)
    sys.stdin.buffer.read(17)
    match how:
        case "garbage":
            say("hello", sys.stdout)
        case "endless line":
            say("x" * 1_000_000, sys.stdout)
        case "not utf-8":
            sys.stdout.buffer.write(b'{"kind":"words","at":5,"final":true,"words":[["caf\xe9",0,9,0.5,true]]}\n')
            say('{"kind":"heard","at":1600}', sys.stdout)
        case "spills words":
            say("the secret canary", sys.stderr)
            say("ASSERTION_FAILED (VoskAPI:Hear():secret-code.cc:42) on 'canary'", sys.stderr)
            os.abort()
        case "endless words":
            while True:
                say('{"kind":"words","at":5,"final":false,"words":[]}', sys.stdout)
    time.sleep(60)


if __name__ == "__main__":
    main()
