"""What ssh's errors mean, and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgebench.deploy.remote.shell import DeviceLostError
from edgebench.errors import DeviceError

SSH_FAILED = 255
"""ssh's own exit status where it failed itself; any other is the command's (ssh(1))."""


BEHIND_ANOTHER = "UNKNOWN port 65535"
"""What ssh calls the other end where a program of its own leads there, as with a jump host."""

FOLLOWS = f"{BEHIND_ANOTHER}|^kex_exchange_identification"
"""What ssh says only because of what its program said before."""


class ConnectionBrokenError(DeviceLostError):
    """A connection that existed and broke for a reason that ssh does not know."""


@dataclass(frozen=True)
class Address:
    """What a host name means in ssh's configuration."""

    host: str
    user: str
    hostname: str
    port: str

    def __str__(self) -> str:
        port = "" if self.port == "22" else f":{self.port}"
        return f"{self.user}@{self.hostname}{port}"

    @property
    def known_as(self) -> str:
        """Its name in the file of known hosts (sshd(8))."""
        return self.hostname if self.port == "22" else f"[{self.hostname}]:{self.port}"


@dataclass(frozen=True)
class SshFailure:
    """What ssh prints (`sign`, a regular expression), what that means and what to do.

    `transient` says that it may pass by itself, such as when a board restarts.
    """

    sign: str
    message: str
    remedy: str
    transient: bool = False


# The first whose sign is anywhere in ssh's output is used; the more specific come first.
SSH_FAILURES = (
    SshFailure(
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "the host key of {name} at {address} has changed",
        "if the board was installed again, remove the old key with: ssh-keygen -R '{known_as}', "
        "then connect once by hand: ssh {host}; if not, somebody may be intercepting the "
        "connection",
    ),
    SshFailure(
        "No .* host key is known for|Host key verification failed",
        "the host key of {name} at {address} is not known yet",
        "connect once by hand and compare the fingerprint with the board's: ssh {host}",
    ),
    SshFailure(
        "booting up|going down",
        "{name} at {address} is starting or shutting down, and accepts no logins now",
        "wait a minute",
        transient=True,
    ),
    SshFailure(
        "UNPROTECTED PRIVATE KEY FILE",
        "ssh does not use your key for {name}, because others can read it",
        "change its permissions: chmod 600 on the key's file",
    ),
    SshFailure(
        "Too many authentication failures",
        "{name} at {address} refused the login after too many keys",
        "set the right one in ~/.ssh/config under Host {host}, with IdentityFile, and add "
        "IdentitiesOnly yes",
    ),
    SshFailure(
        r"Permission denied \([^)]*(password|keyboard-interactive)",
        "ssh needs a password for {name} at {address}, but edgebench never asks for one",
        "install your key instead: ssh-copy-id {host} (ssh-keygen makes a key; add a key with a "
        "passphrase to the agent: ssh-add)",
    ),
    SshFailure(
        "Permission denied",
        "{name} at {address} accepts none of your keys",
        "check the user name; if you have no key yet, make one with ssh-keygen; add the line in "
        "its .pub file to ~/.ssh/authorized_keys on the board; add a key with a "
        "passphrase to the agent: ssh-add; set a key in another place with IdentityFile in "
        "~/.ssh/config",
    ),
    SshFailure(
        "Could not resolve hostname",
        "no host named {hostname} is found for {name}",
        "check the name and the network, or set its address: edgebench devices add {name} "
        "--host pi@192.168.1.7 (or HostName in ~/.ssh/config)",
        transient=True,
    ),
    SshFailure(
        "Connection refused",
        "{name} at {address} refuses the connection",
        "start the ssh server there (on a Raspberry Pi: sudo raspi-config, Interface Options, "
        "SSH), and check the port",
        transient=True,
    ),
    SshFailure(
        "timed out|[Tt]imeout|No route to host|Network is unreachable|Host is down",
        "{name} does not answer at {address}",
        "check that it is switched on and in the same network",
        transient=True,
    ),
    SshFailure(
        "Unable to negotiate|no matching",
        "{name} at {address} and this ssh have no common algorithm",
        "update the board's ssh server, or allow its algorithms in ~/.ssh/config: {line}",
    ),
    SshFailure(
        "Bad configuration option|Bad owner or permissions|bad configuration",
        "ssh cannot read its configuration: {line}",
        "correct that file",
    ),
    SshFailure(
        "ControlPath too long|unix_listener: .*",
        "ssh cannot share the connection to {name} as configured: {line}",
        "correct ControlPath in ~/.ssh/config: use a short path in an existing folder",
    ),
)


def ssh_error(name: str, address: Address, status: int, said: str) -> DeviceError:
    """The error for an ssh that failed with that exit status and output.

    A `DeviceLostError` if it may work later.
    """
    lines = [line.strip() for line in said.strip().splitlines() if line.strip()]
    last = lines[-1] if lines else "it gives no reason"
    words = {
        "name": name,
        "address": address,
        "host": address.host,
        "hostname": address.hostname,
        "known_as": address.known_as,
    }
    if status != SSH_FAILED:
        return DeviceError(
            f"{name} at {address} accepts the login, but runs no commands: {last}",
            f"give that user a shell, for example: sudo chsh -s /bin/sh {address.user}; if it "
            "has one, make sure that its .profile or .bashrc does not exit",
        )
    if BEHIND_ANOTHER in said:
        why = [line for line in lines if not re.search(FOLLOWS, line)]
        return ConnectionBrokenError(
            f"the connection to {name} fails at another host on the way: {(why or lines)[-1]}",
            f"check that this works: ssh {address.host} true (see ProxyJump or ProxyCommand in "
            "~/.ssh/config)",
        )
    for trouble in SSH_FAILURES:
        found = re.search(f".*({trouble.sign}).*", said)
        if found:
            kind = DeviceLostError if trouble.transient else DeviceError
            words["line"] = found.group().strip()
            return kind(trouble.message.format(**words), trouble.remedy.format(**words))
    return ConnectionBrokenError(
        f"the connection to {name} at {address} broke: {last}",
        f"check that this works: ssh {address.host} true",
    )
