"""Reads the request, answers it or refuses; started as `python3 -m summary`."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from .arguments import parse_request
from .disclosure import read_site_rules
from .errors import Refused
from .summary import summarize


def answer(environment: Mapping[str, str]) -> str:
    """Return the result as JSON, or raise Refused."""
    request = parse_request(Path(environment["INPUT_FILE"]).read_text("utf-8"))
    if not environment.get("DATABASE_URI"):
        raise Refused("The task names no database.")
    rules = read_site_rules(environment)
    result = summarize(environment["DATABASE_URI"], request, rules)
    return json.dumps(result, ensure_ascii=False, allow_nan=False)


def main(environment: Mapping[str, str]) -> int:
    """Write the result and return 0; 1 is a refusal, 2 a fault of this program."""
    try:
        result = answer(environment)
        Path(environment["OUTPUT_FILE"]).write_text(result, "utf-8")
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except Exception as error:
        # A traceback could quote a patient's value, and the log may leave the site.
        print(f"summary failed: {type(error).__name__}.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
