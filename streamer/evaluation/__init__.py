"""Measures a model on recordings or texts whose emotion is known, through the live program's own features."""
