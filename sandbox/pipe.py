"""The owner's end of the pipes to the server of the sandbox: every wait has an end."""

import json
import os
import select

from sandbox.values import LENGTH, MAX_VERDICT_BYTES


def is_ready(descriptor: int, event: int, patience: float) -> bool:
    """Whether a descriptor can be read or written, or has ended, within `patience` seconds; of any number, which select
    does not take."""
    poll = select.poll()
    poll.register(descriptor, event)
    return bool(poll.poll(1000 * patience))


def write_all(descriptor: int, data: bytes, patience: float) -> None:
    """Writes to a non-blocking pipe. EOFError where nobody takes anything for `patience` seconds."""
    view = memoryview(data)
    while view:
        if not is_ready(descriptor, select.POLLOUT, patience):
            raise EOFError("the server takes nothing")
        view = view[os.write(descriptor, view) :]


def read_message(descriptor: int, patience: float) -> object:
    """The next message that is no sign of life (null). EOFError where the server ended or gives no sign of life for
    `patience` seconds, ValueError where a message is too long or no json."""
    message = None
    while message is None:
        (length,) = LENGTH.unpack(_read_exact(descriptor, LENGTH.size, patience))
        if length > MAX_VERDICT_BYTES:
            raise ValueError(f"message of {length} bytes")
        message = json.loads(_read_exact(descriptor, length, patience))
    return message


def _read_exact(descriptor: int, num_bytes: int, patience: float) -> bytes:
    parts = b""
    while len(parts) < num_bytes:
        if not is_ready(descriptor, select.POLLIN, patience):
            raise EOFError("the server is late")
        part = os.read(descriptor, num_bytes - len(parts))
        if not part:
            raise EOFError("the server ended")
        parts += part
    return parts
