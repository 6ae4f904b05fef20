"""`tf.errors`: the exceptions that scripts of TensorFlow catch.

Each is also the Python exception that torchkeras raises for the same mistake, so that `except`
finds both.
"""

from torchkeras.tf._missing import missing_from

__all__ = [
    "ABORTED",
    "ALREADY_EXISTS",
    "AbortedError",
    "AlreadyExistsError",
    "CANCELLED",
    "CancelledError",
    "DATA_LOSS",
    "DEADLINE_EXCEEDED",
    "DataLossError",
    "DeadlineExceededError",
    "FAILED_PRECONDITION",
    "FailedPreconditionError",
    "INTERNAL",
    "INVALID_ARGUMENT",
    "InternalError",
    "InvalidArgumentError",
    "NOT_FOUND",
    "NotFoundError",
    "OK",
    "OUT_OF_RANGE",
    "OpError",
    "OperatorNotAllowedInGraphError",
    "OutOfRangeError",
    "PERMISSION_DENIED",
    "PermissionDeniedError",
    "RESOURCE_EXHAUSTED",
    "ResourceExhaustedError",
    "UNAUTHENTICATED",
    "UNAVAILABLE",
    "UNIMPLEMENTED",
    "UNKNOWN",
    "UnauthenticatedError",
    "UnavailableError",
    "UnimplementedError",
    "UnknownError",
]


class OpError(Exception):
    """The base of these exceptions; the message is the last argument, or the only one."""

    node_def = op = None

    def __init__(self, *args):
        self.message = args[2] if len(args) > 2 else (args[0] if args else "")
        super().__init__(self.message)


class AbortedError(OpError):
    """An operation was aborted."""

    error_code = 10


class AlreadyExistsError(OpError, FileExistsError):
    """What is to be made is there already."""

    error_code = 6


class CancelledError(OpError):
    """An operation was cancelled."""

    error_code = 1


class DataLossError(OpError):
    """A file is damaged."""

    error_code = 15


class DeadlineExceededError(OpError):
    """An operation took too long."""

    error_code = 4


class FailedPreconditionError(OpError):
    """The system is not in the state that an operation needs."""

    error_code = 9


class InternalError(OpError):
    """Something that must not happen has happened."""

    error_code = 13


class InvalidArgumentError(OpError, ValueError):
    """An argument is wrong."""

    error_code = 3


class NotFoundError(OpError, FileNotFoundError):
    """A file is not there."""

    error_code = 5


class OutOfRangeError(OpError, IndexError):
    """There is nothing more."""

    error_code = 11


class PermissionDeniedError(OpError):
    """An operation is not allowed."""

    error_code = 7


class ResourceExhaustedError(OpError):
    """Memory or disk is full."""

    error_code = 8


class UnauthenticatedError(OpError):
    """The user is not known."""

    error_code = 16


class UnavailableError(OpError):
    """A service does not answer."""

    error_code = 14


class UnimplementedError(OpError):
    """An operation does not exist."""

    error_code = 12


class UnknownError(OpError):
    """Some error."""

    error_code = 2


# The numbers of these errors.
OK = 0
CANCELLED = 1
UNKNOWN = 2
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
ALREADY_EXISTS = 6
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
ABORTED = 10
OUT_OF_RANGE = 11
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
DATA_LOSS = 15
UNAUTHENTICATED = 16


class OperatorNotAllowedInGraphError(TypeError):
    """Python's own way of asking a tensor was used in a graph; there are none here."""


__getattr__ = missing_from("tf.errors")
