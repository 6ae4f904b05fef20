"""`tf.errors`: the exceptions that scripts of TensorFlow catch.

Each is also the Python exception that torchkeras raises for the same mistake, so that `except`
finds both.
"""

from torchkeras.tf._missing import missing_from

__all__ = [
    "AbortedError",
    "AlreadyExistsError",
    "CancelledError",
    "DataLossError",
    "DeadlineExceededError",
    "FailedPreconditionError",
    "InternalError",
    "InvalidArgumentError",
    "NotFoundError",
    "OpError",
    "OutOfRangeError",
    "PermissionDeniedError",
    "ResourceExhaustedError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnimplementedError",
    "UnknownError",
]


class OpError(Exception):
    """The base of these exceptions; the message is the last argument, or the only one."""

    def __init__(self, *args):
        self.message = args[2] if len(args) > 2 else (args[0] if args else "")
        super().__init__(self.message)


class AbortedError(OpError):
    """An operation was aborted."""


class AlreadyExistsError(OpError, FileExistsError):
    """What is to be made is there already."""


class CancelledError(OpError):
    """An operation was cancelled."""


class DataLossError(OpError):
    """A file is damaged."""


class DeadlineExceededError(OpError):
    """An operation took too long."""


class FailedPreconditionError(OpError):
    """The system is not in the state that an operation needs."""


class InternalError(OpError):
    """Something that must not happen has happened."""


class InvalidArgumentError(OpError, ValueError):
    """An argument is wrong."""


class NotFoundError(OpError, FileNotFoundError):
    """A file is not there."""


class OutOfRangeError(OpError, IndexError):
    """There is nothing more."""


class PermissionDeniedError(OpError):
    """An operation is not allowed."""


class ResourceExhaustedError(OpError):
    """Memory or disk is full."""


class UnauthenticatedError(OpError):
    """The user is not known."""


class UnavailableError(OpError):
    """A service does not answer."""


class UnimplementedError(OpError):
    """An operation does not exist."""


class UnknownError(OpError):
    """Some error."""


__getattr__ = missing_from("tf.errors")
