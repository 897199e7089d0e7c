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
        os.abort()
    if how == "says so":
        return
    sys.stdin.buffer.read(17)
    match how:
        case "garbage":
            pass
        case "endless line":
            pass
        case "not utf-8":
            sys.stdout.buffer.write(b'{"kind":"words","at":5,"final":true,"words":[["caf\xe9",0,9,0.5,true]]}\n')
        case "spills words":
            os.abort()
        case "endless words":
            while True:
                pass
    time.sleep(60)


if __name__ == "__main__":
    main()
