"""The HAPI FHIR server of tests/hapi: built once, started on loopback, stopped by its own process.

`python -m tests.support.hapi --port 8080` runs it by hand, `--build` builds it and HL7's engine.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

Module = Literal["server", "engine"]

_ROOT = Path(__file__).resolve().parents[1] / "hapi"
_WANTED = "Java 17 and Maven are needed (Debian: apt-get install openjdk-17-jdk-headless maven)"
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback, whatever the environment says


class HapiError(Exception):
    """The build failed, or a Java process did not start or died; carries the end of its output."""


def hapi_unavailable_reason() -> str | None:
    """Why the server can be neither built nor started here, in one line; None if it can."""
    return unavailable_reason("server")


def unavailable_reason(module: Module) -> str | None:
    """Why the module can be neither built nor started here, in one line; None if it can."""
    if _java_version() < 17:
        return f"no Java 17 or newer; {_WANTED}"
    if not _is_built(module):
        if shutil.which("mvn") is None:
            return f"no Maven; {_WANTED}"
        if shutil.which(_java_tool("javac")) is None:
            return f"a Java without a compiler; {_WANTED}"
    return None


def build(module: Module = "server") -> Path:
    """The module's target folder, packaged by Maven if its sources have changed since the last time."""
    target = _ROOT / module / "target"
    with _build_lock():
        if not _is_built(module):
            _stamp(module).unlink(missing_ok=True)
            maven = subprocess.run(
                ["mvn", "-q", "-B", "-pl", module, "clean", "package"],
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            if maven.returncode:
                raise HapiError(f"Maven could not build tests/hapi/{module}:\n{maven.stdout[-3000:]}")
            _stamp(module).write_text(sources_checksum(module))
    return target


def java_command(module: Module, main_class: str, *options: str, as_published: bool = False) -> list[str]:
    """The command line that runs a main class of the module, built if need be. With ``as_published`` a class of a
    library comes before the module's own of the same name."""
    target = build(module)
    own, libraries = str(target / "classes"), str(target / "lib" / "*")
    class_path = os.pathsep.join((libraries, own) if as_published else (own, libraries))
    return [_java_tool("java"), "-XX:+UseSerialGC", *options, "-cp", class_path, main_class]


class HapiServer:
    """A HAPI FHIR JPA R4 server on loopback, empty unless `jdbc_url` names a database that is not.

    With the database in memory (the default) a restart forgets everything; `jdbc:h2:file:/folder/name` keeps it
    (a crash may lose its last transactions, unless `;WRITE_DELAY=0` is added). With `optimise` the compiler of the
    Java machine takes all its steps: slower to start and while cold, faster once warm, so for a server that lives for
    minutes.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        jdbc_url: str | None = None,
        optimise: bool = False,
        client_ids: Literal["ALPHANUMERIC", "ANY"] = "ALPHANUMERIC",
        heap: str = "1g",
        start_timeout: float = 180.0,
    ) -> None:
        self.port = port or _free_port()
        self.start_timeout = start_timeout
        self._options = [
            f"-Xms{heap}",  # to grow step by step costs a collection of everything each time
            f"-Xmx{heap}",
            f"-Dserver.port={self.port}",
            f"-Dfhirmsc.client-ids={client_ids}",
            "-Dfhirmsc.end-with-stdin=true",
        ]
        if not optimise:
            self._options.append("-XX:TieredStopAtLevel=1")
        if jdbc_url:
            self._options.append(f"-Dfhirmsc.jdbc-url={jdbc_url}")
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        """The FHIR base, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}/fhir"

    @property
    def validating_url(self) -> str:
        """The FHIR base at which the same server refuses what HL7's validator calls an error."""
        return f"http://127.0.0.1:{self.port}/validating/fhir"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running Java process."""
        if self._process is None:
            raise HapiError("the server is not running")
        return self._process

    @property
    def log_path(self) -> Path:
        """What the server wrote, in a folder that goes with `close`."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="fhir-msc-hapi-")
        return Path(self._folder.name) / "hapi.log"

    def start(self) -> None:
        """Start the server and wait until it answers `GET /metadata`."""
        _require_free(self.port)
        command = java_command("server", "org.fhirmsc.hapi.HapiServer", *self._options)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, cwd=self.log_path.parent
            )
        try:
            self._wait()
        except BaseException:
            self.stop(kill=True)
            raise

    def stop(self, *, kill: bool = False) -> None:
        """End the process: by SIGTERM, or with `kill` by SIGKILL, as a crash would."""
        if self._process is None:
            return
        process, self._process = self._process, None
        if kill:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin:
            process.stdin.close()

    def restart(self, *, kill: bool = False) -> None:
        """Stop, or with `kill` crash, and start again on the same port."""
        self.stop(kill=kill)
        self.start()

    def close(self) -> None:
        """Stop the server and remove its log."""
        self.stop()
        if self._folder:
            self._folder.cleanup()
            self._folder = None

    def log_tail(self, characters: int = 3000) -> str:
        """The end of the server's log."""
        return self.log_path.read_text(errors="replace")[-characters:] if self.log_path.exists() else ""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wait(self) -> None:
        end = time.monotonic() + self.start_timeout
        while (left := end - time.monotonic()) > 0:
            if self.process.poll() is not None:
                raise HapiError(f"HAPI died with exit code {self.process.returncode}:\n{self.log_tail()}")
            try:
                with _OPENER.open(f"{self.base_url}/metadata", timeout=left):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise HapiError(f"HAPI did not answer within {self.start_timeout:.0f} s:\n{self.log_tail()}")


def _java_tool(name: str) -> str:
    home = os.environ.get("JAVA_HOME")
    return str(Path(home) / "bin" / name) if home else name


def _java_version() -> int:
    try:
        found = subprocess.run([_java_tool("java"), "-version"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError):
        return 0
    version = re.search(r'version "(\d+)', found)
    return int(version[1]) if version else 0


def _stamp(module: Module) -> Path:
    return _ROOT / module / "target" / "sources.sha256"


def _is_built(module: Module) -> bool:
    try:
        return _stamp(module).read_text() == sources_checksum(module)
    except FileNotFoundError:
        return False


def sources_checksum(module: Module) -> str:
    """The SHA-256 of what the module is built from: equal builds answer alike."""
    folder = _ROOT / module
    files = [_ROOT / "pom.xml", folder / "pom.xml", *sorted(p for p in (folder / "src").rglob("*") if p.is_file())]
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(_ROOT).as_posix()}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


@contextmanager
def _build_lock() -> Iterator[None]:
    """One Maven at a time, whatever it builds: its local repository does not take two."""
    folder = _ROOT / "target"
    folder.mkdir(exist_ok=True)
    with (folder / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _require_free(port: int) -> None:
    # Else the answer of whoever holds the port would pass for ours.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise HapiError(f"port {port} is not free: {error.strerror}") from error


def main() -> int:
    """Run the server until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.hapi", description=__doc__)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--jdbc-url", help="keep the data there (default: H2 in memory)")
    parser.add_argument("--build", action="store_true", help="build it, and HL7's engine, and start nothing")
    arguments = parser.parse_args()
    if reason := hapi_unavailable_reason():
        print(reason, file=sys.stderr)
        return 1
    print(f"{'building' if arguments.build else 'starting'}; the first build downloads about 350 MB", file=sys.stderr)
    try:
        if arguments.build:
            build("server")
            build("engine")
            return 0
        server = HapiServer(port=arguments.port, jdbc_url=arguments.jdbc_url, optimise=True)
        with server:
            print(f"{server.base_url} (Ctrl-C ends it)", file=sys.stderr)
            print(f"{server.validating_url} refuses what HL7's validator calls an error", file=sys.stderr)
            server.process.wait()
            print(server.log_tail(), file=sys.stderr)
    except KeyboardInterrupt:
        return 0
    except HapiError as error:
        print(error, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
