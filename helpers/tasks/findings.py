"""What ``task lint`` finds: where, by which rule, what will happen, and the way out."""

from __future__ import annotations

from dataclasses import asdict, dataclass

ERROR = "error"  # the run would fail
WARNING = "warning"  # it may do something else than is meant


@dataclass(frozen=True, order=True)
class Finding:
    """One finding; ``line`` and ``column`` count from 1."""

    file: str
    line: int
    column: int
    severity: str
    rule: str
    message: str
    advice: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        return f"{place}: {self.severity}: {self.message}. {self.advice}. [{self.rule}]"

    def describe(self) -> dict[str, object]:
        """As JSON has it."""
        return asdict(self)
