#!/usr/bin/env python3
"""Checks JSON lines of tcptrace against records.schema.json, with a validator that is not ours.

    tcptrace list -f json | validate.py
    validate.py trace.jsonl ...

Prints `FILE:LINE: what is wrong`, one line for each bad one. Exit codes: 0 all are good, 1 some are not, 3 the package
`jsonschema` (4.0 or newer) is missing. No lines at all count as bad, so that a test cannot pass on nothing.
"""

import json
import pathlib
import sys

try:
    from jsonschema import Draft202012Validator, FormatChecker
    from jsonschema.exceptions import best_match
except ImportError as error:
    sys.exit(print(f"validate.py: {error}: pip install jsonschema", file=sys.stderr) or 3)


def no_key_twice(pairs):
    """Most readers keep the last of two values and say nothing."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def no_such_number(word):
    """Python reads NaN and Infinity; JSON does not have them."""
    raise ValueError(f"{word} is not JSON")


def problem(validator, line):
    """What is wrong with one line; None if nothing is."""
    try:
        if not line.endswith(b"\n"):
            return "the line does not end"
        record = json.loads(line.decode("utf-8"), object_pairs_hook=no_key_twice, parse_constant=no_such_number)
    except ValueError as error:
        return f"no JSON: {error}"
    error = best_match(validator.iter_errors(record))
    return None if error is None else f"{error.json_path}: {error.message}"


def main(paths):
    schema = json.loads(pathlib.Path(__file__).with_name("records.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    lines, bad = 0, 0
    for path in paths or ["-"]:
        # As bytes: text mode would take other characters for the end of a line too.
        with sys.stdin.buffer if path == "-" else open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                lines += 1
                if (why := problem(validator, line)) is not None:
                    bad += 1
                    print(f"{path}:{number}: {why}")
    if lines == 0:
        print("no lines")
    return 0 if lines and not bad else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
