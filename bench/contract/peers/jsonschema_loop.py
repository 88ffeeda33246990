"""The usual loop with python-jsonschema."""
import json, sys
from jsonschema import Draft202012Validator
validator = Draft202012Validator(json.load(open(sys.argv[1])))
with open(sys.argv[2], encoding="utf-8") as lines:
    sys.exit(0 if all(validator.is_valid(json.loads(line)) for line in lines) else 1)
