"""emostream: a real-time monitor of how a speaker feels, from sound and words."""

__version__ = "0.1.0"
