"""`python -m tools.trainer`: make the trainer image and its PyTorch, and print where they are as JSON."""

from __future__ import annotations

import json
import sys

from tools.image.facts import ImageError
from tools.trainer import make


def main() -> int:
    """Make both; progress goes to stderr, the answer to stdout."""
    try:
        made = {"image": make.NAME, "archive": str(make.image(_tell)), "torch": str(make.torch(_tell))}
    except ImageError as error:
        print(f"trainer: {error}", file=sys.stderr)
        return 1
    print(json.dumps({**made, "mountedAt": make.MOUNTED_AT}))
    return 0


def _tell(line: str) -> None:
    print(f"trainer: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
