"""A sandbox that starts with the first program: most tasks run none, and not every machine can run one."""

from __future__ import annotations

from sandbox.parent import Sandbox, Verdict


class Programs:
    """Runs programs that a model wrote, and checker files, apart from everything. Use as a context manager."""

    def __init__(self):
        self._sandbox: Sandbox | None = None

    def __enter__(self) -> Programs:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the sandbox where one was started."""
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None

    def run(self, program: str, tests: str, entry_point: str) -> Verdict:
        """As Sandbox.run. SandboxError in one line where this machine cannot hold a program."""
        self._sandbox = self._sandbox or Sandbox()
        return self._sandbox.run(program, tests, entry_point)

    def passes(self, program: str, tests: str, entry_point: str) -> bool:
        """True where the program passes."""
        return self.run(program, tests, entry_point).passed
