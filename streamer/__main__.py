"""The door: `emostream` and `python -m streamer`."""

import sys

from streamer import cli


def main() -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(cli.main())


if __name__ == "__main__":
    main()
