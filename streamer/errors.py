"""The error tree. Imports nothing of ours.

EmostreamError            one plain sentence: what was found, what was wanted, the next step
  UsageError              exit 2   a command line that cannot be followed
    ConfigError           exit 2   config.toml, environment: every problem at once, before any device opens
  ModelError              exit 3   a model is missing, damaged, or of another shape
  SourceError             exit 4   no such input, or it cannot be read as sound
  SourceLost              exit 1   the input went away while running
  RecogniserError         (none)   the recogniser refused; words stop, sound goes on
  BrokerError             (none)   the broker refused or was lost; counted, retried, never ends the run

Who may recover is said by the class; `cli.py` alone turns a class into an exit code.
"""


class EmostreamError(Exception):
    """Base of every error that we raise on purpose; `str(error)` is the sentence for the user."""

    exit_code = 1


class UsageError(EmostreamError):
    """The command line cannot be followed."""

    exit_code = 2


class ConfigError(UsageError):
    """Settings are wrong; the text holds one line per problem."""


class ModelError(EmostreamError):
    """A model is missing, damaged, or does not fit."""

    exit_code = 3


class SourceError(EmostreamError):
    """There is no such input, or it is not sound."""

    exit_code = 4


class SourceLost(EmostreamError):
    """The input stopped while the monitor was running."""

    exit_code = 1


class RecogniserError(EmostreamError):
    """The recogniser cannot go on; the monitor can."""


class BrokerError(EmostreamError):
    """The broker refused us or went away; the monitor can go on."""
