#!/usr/bin/env python3
"""A stand-in for gcloud: remembers beside itself what was created, refuses to create it again, prints what changes."""

import json
import shlex
import sys
from pathlib import Path


def main() -> int:
    state = Path(__file__).with_name("state.json")
    made: list[str] = json.loads(state.read_text()) if state.exists() else []
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    verb = next(i for i, word in enumerate(words) if word in ("create", "describe", "update", "add-iam-policy-binding"))
    name = " ".join([*words[:verb], words[verb + 1].partition("@")[0]])
    if words[verb] == "describe":
        if "--format=value(writerIdentity)" in sys.argv:
            print(f"WRITER-OF-{words[verb + 1]}")
        return 0 if name in made else 1
    if words[verb] == "create" and name in made:
        print(f"{name} exists", file=sys.stderr)
        return 1
    if words[verb] != "create" and name not in made:
        print(f"{name} does not exist", file=sys.stderr)
        return 1
    if words[verb] == "create":
        state.write_text(json.dumps([*made, name]))
    print(shlex.join(["gcloud", *sys.argv[1:]]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
