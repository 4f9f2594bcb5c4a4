import hashlib
import json


def seal(entry, previous):
    text = json.dumps(entry, separators=(",", ":"))
    return hashlib.sha256(previous.encode() + text.encode()).hexdigest()
