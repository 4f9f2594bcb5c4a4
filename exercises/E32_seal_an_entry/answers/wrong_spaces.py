import hashlib
import json


def seal(entry, previous):
    text = json.dumps(entry, sort_keys=True)
    return hashlib.sha256((previous + text).encode()).hexdigest()
