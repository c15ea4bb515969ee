"""What a part of the load test found: lines to read, and limits that hold or do not."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Verdict:
    """The answers of one part.

    Attributes:
        name: The part.
        facts: Name -> number or text.
        checks: What was to hold, with limit and number, and whether it does.
    """

    name: str
    facts: dict[str, Any] = field(default_factory=dict)
    checks: list[tuple[str, bool]] = field(default_factory=list)

    def hold(self, what: str, value: float, *, at_most: float, unit: str = "") -> None:
        """Check an upper limit."""
        text = f"{what}: {value:,.4g} of at most {at_most:,.4g} {unit}".rstrip()
        self.checks.append((text, value <= at_most))

    def equal(self, what: str, value: object, expected: object) -> None:
        """Check a value that follows from nothing but what was asked."""
        self.checks.append((f"{what}: {value}, expected {expected}", value == expected))

    @property
    def is_kept(self) -> bool:
        """Whether every limit holds."""
        return all(holds for _, holds in self.checks)

    def show(self) -> None:
        """Print."""
        print(f"{self.name}: {'kept' if self.is_kept else 'BROKEN'}")
        for name, value in self.facts.items():
            print(f"  {name}: {value}")
        for text, holds in self.checks:
            print(f"  {'ok    ' if holds else 'BROKEN'} {text}", flush=True)

    def write(self, folder: Path, place: str) -> None:
        """Write a JSON."""
        content = json.dumps({"place": place, **asdict(self)}, indent=1, default=str)
        (folder / f"{self.name}.json").write_text(content + "\n")


def counts(values: Sequence[Any]) -> dict[Any, int]:
    """Return how often each value occurs, the most frequent first."""
    return dict(Counter(values).most_common())
