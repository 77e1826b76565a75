"""Credentials: where they stand, and how they get onto a request.

A secret is never in the config: it is named by a reference, ``env:NAME``, ``file:PATH`` or ``cmd:COMMAND`` (a program
that prints it, for Azure, Google and SigV4 gateways). No message here shows a secret or what a command printed.
"""

from __future__ import annotations

import base64
import os
import shlex
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fhir_msc.errors import SecretError

_COMMAND_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Bearer:
    """``Authorization: Bearer``; ``token`` is a secret reference (``cmd:`` for a program that prints a token)."""

    token: str


@dataclass(frozen=True, slots=True)
class Basic:
    """``Authorization: Basic`` (RFC 7617); ``password`` is a secret reference."""

    user: str
    password: str


Auth = Bearer | Basic
"""How to log in; ``None`` where the server wants no credentials."""


def authorization(auth: Auth, folder: Path, environment: Mapping[str, str] = os.environ) -> str:
    """The value of the Authorization header, its secret read anew. Raises SecretError."""
    match auth:
        case Bearer(token):
            return f"Bearer {read_secret(token, folder, environment)}"
        case Basic(user, password):
            pair = f"{user}:{read_secret(password, folder, environment)}"
            return f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"


def check_reference(reference: str) -> None:
    """Raises SecretError for what names no secret. Nothing is read."""
    kind, _, name = reference.partition(":")
    if kind not in _HINTS or not name.strip():
        # The text is not shown: somebody may have written the secret itself.
        raise SecretError(
            "a secret must be named by env:NAME, file:PATH or cmd:COMMAND",
            hint="Put the secret into a file that only you can read, and write file:PATH.",
        )


def read_secret(reference: str, folder: Path = Path(), environment: Mapping[str, str] = os.environ) -> str:
    """The secret that ``reference`` names, without the white space around it.

    A relative ``file:`` path and the working directory of a ``cmd:`` start from ``folder``, the project's.
    Raises SecretError, which says what to do, when there is none or others can read its file.
    """
    check_reference(reference)
    kind, _, name = reference.partition(":")
    if kind == "env":
        secret = _from_environment(name, environment)
    elif kind == "file":
        secret = _from_file(folder / name)
    else:
        secret = _from_command(name, folder)
    secret = secret.strip()
    if not secret:
        raise SecretError(f"the secret of {_shown(kind, name)} is empty", hint=_HINTS[kind])
    if not secret.isprintable():
        raise SecretError(f"the secret of {_shown(kind, name)} is not one line of text", hint=_HINTS[kind])
    return secret


_HINTS = {
    "env": "Set the variable for the user that runs fhir-msc.",
    "file": "Write the secret into the file, one line, and chmod 600 it.",
    "cmd": "Run the command by hand as the user that runs fhir-msc: it must print the secret alone.",
}


def _shown(kind: str, name: str) -> str:
    # Arguments of a command may hold a secret of their own.
    return f"cmd:{name.split()[0]}" if kind == "cmd" else f"{kind}:{name}"


def _from_environment(name: str, environment: Mapping[str, str]) -> str:
    if name not in environment:
        raise SecretError(f"the environment variable {name} is not set", hint=_HINTS["env"])
    return environment[name]


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read()
    except PermissionError as error:
        raise SecretError(
            f"the secret file {path} cannot be read: {error.strerror}",
            hint="Run fhir-msc as the user whom the file belongs to, or have the file given to this user (chown).",
        ) from error
    except OSError as error:
        raise SecretError(f"the secret file {path} cannot be read: {error.strerror}", hint=_HINTS["file"]) from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretError(
            f"the secret file {path} is open to other users (mode {stat.S_IMODE(mode):04o})",
            hint=f"chmod 600 {path} (in Kubernetes: defaultMode: 0400 on the secret's volume).",
        )
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SecretError(f"the secret file {path} is not UTF-8 text", hint=_HINTS["file"]) from error


def _from_command(command: str, folder: Path) -> str:
    try:
        words = shlex.split(command)
        done = subprocess.run(  # noqa: S603  the operator's own config names the program; no shell reads it
            words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=_COMMAND_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        problem = f"did not end within {_COMMAND_SECONDS:.0f} s"
    except OSError as error:
        problem = f"cannot be started: {error.strerror}"
    except ValueError:
        problem = "has an open quote"
    else:
        if done.returncode == 0:
            return done.stdout.decode("utf-8", errors="replace")
        problem = f"ended with code {done.returncode}"
    raise SecretError(f"the command of {_shown('cmd', command)} {problem}", hint=_HINTS["cmd"])
