"""What a real adbd of Debian's cannot be: a phone that trusts nobody, an adb server of old.

    python stand_ins.py phone PORT unauthorised|silent
    python stand_ins.py server PORT VERSION

The protocols are those of adb's protocol.txt and OVERVIEW.TXT.
"""

from __future__ import annotations

import socket
import struct
import sys

HEADER = struct.Struct("<6I")
ASK_TO_SIGN = b"AUTH"
TOKEN, PUBLIC_KEY = 1, 3


def message(command: bytes, first: int, second: int, data: bytes) -> bytes:
    number = int.from_bytes(command, "little")
    return HEADER.pack(number, first, second, len(data), sum(data), number ^ 0xFFFFFFFF) + data


def phone(connection: socket.socket, kind: str) -> None:
    """Accept no signature, and wait for the user once the public key comes; or say nothing."""
    stream = connection.makefile("rb")
    while len(header := stream.read(HEADER.size)) == HEADER.size:
        command, what, _, length, _, _ = HEADER.unpack(header)
        stream.read(length)
        asked = command == int.from_bytes(ASK_TO_SIGN, "little") and what == PUBLIC_KEY
        if kind == "unauthorised" and not asked:
            connection.sendall(message(ASK_TO_SIGN, TOKEN, 0, bytes(20)))


def server(connection: socket.socket, version: str) -> None:
    """Answer every request with the version, as to host:version; anything else would end us."""
    request = connection.recv(100)
    if request == b"000chost:version":
        connection.sendall(b"OKAY0004%04x" % int(version))
    else:
        print("asked for", request, flush=True)


def main() -> None:
    what, port, how = sys.argv[1:]
    answer = {"phone": phone, "server": server}[what]
    with socket.create_server(("127.0.0.1", int(port))) as listener:
        while True:
            connection, _ = listener.accept()
            with connection:
                answer(connection, how)


if __name__ == "__main__":
    main()
