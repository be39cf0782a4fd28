"""A real Postgres as a process of its own, which a test can kill, stop and start again."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real_parts.tools import tool
from tests.servers import wait_until
from tools.ports import free_port

PASSWORD = "p@ss:w/rd"
ESCAPED = "p%40ss%3Aw%2Frd"
END_S = 30.0


class PostgresServer:
    """A Postgres on a free port of the loopback interface; its data survives a kill.

    Postgres does not run as root, so root starts it as the user ``postgres`` of Debian's package.

    Args:
        folder: the folder of its data, which is made.
    """

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._data = folder / "data"
        self._user = "postgres" if os.geteuid() == 0 else None
        folder.mkdir(exist_ok=True)
        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        if self._user is not None:
            account = pwd.getpwnam(self._user)
            for path in (folder, folder / "password"):
                os.chown(path, account.pw_uid, account.pw_gid)
        program = Path(tool("postgres")).resolve()
        command = [str(program.parent / "initdb"), "-D", str(self._data), "-U", "tabento", "-A", "scram-sha-256", "-N"]
        command += ["--pwfile", str(folder / "password"), "-E", "UTF8", "--locale", "C"]
        subprocess.run(command, check=True, capture_output=True, cwd="/", user=self._user, timeout=END_S)
        self._command = [
            str(program),
            "-D",
            str(self._data),
            "-p",
            str(self.port),
            "-h",
            "127.0.0.1",
            "-k",
            str(folder),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of its database, with the password."""
        return f"postgresql://tabento:{ESCAPED}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and return when it accepts connections."""
        self._process = subprocess.Popen(
            self._command,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self._user,
            start_new_session=True,
        )
        wait_until(self._accepts, "Postgres to answer")

    def kill(self) -> None:
        """Kill all its processes with SIGKILL, as a power cut does."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
            (self._data / "postmaster.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        """End it, if it runs."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(END_S)
                self._process = None
            except subprocess.TimeoutExpired:
                self.kill()

    def _accepts(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a Postgres until the block ends."""
    # Below /tmp, because the user of Postgres cannot enter pytest's folders.
    folder = Path(tempfile.mkdtemp(prefix="tabento-postgres-"))
    try:
        server = PostgresServer(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
