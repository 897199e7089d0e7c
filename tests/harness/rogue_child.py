"""A recogniser's child process that misbehaves as its first argument says; stands in for `recogniser_child`."""

import json
import os
import sys
import time


def main() -> None:
    how = json.loads(sys.argv[1])["engine"]
    if how == "mute":
        time.sleep(60)
    if how == "aborts while loading":
        print("WARNING: the disk is on fire", file=sys.stderr, flush=True)
        os.abort()
    if how == "says so":
        print(json.dumps({"kind": "failed", "reason": "a file is\x1b[31m damaged", "for_good": True}), flush=True)
        return
    print('{"kind": "ready"}', flush=True)
    sys.stdin.buffer.read(17)
    match how:
        case "garbage":
            print("hello", flush=True)
        case "endless line":
            print("x" * 1_000_000, flush=True)
        case "not utf-8":
            sys.stdout.buffer.write(b'{"kind":"words","at":5,"final":true,"words":[["caf\xe9",0,9,0.5,true]]}\n')
            print('{"kind":"heard","at":1600}', flush=True)
        case "spills words":
            print("the secret canary", file=sys.stderr)
            print("ASSERTION_FAILED (VoskAPI:Hear():secret.cc:42) on 'canary'", file=sys.stderr, flush=True)
            os.abort()
        case "endless words":
            while True:
                print('{"kind":"words","at":5,"final":false,"words":[]}', flush=True)
    time.sleep(60)


if __name__ == "__main__":
    main()
