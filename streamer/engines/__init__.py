"""Heavy, stateful parts, each with one owner: voice detector, recogniser, network."""
