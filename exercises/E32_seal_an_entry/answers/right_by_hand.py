import hashlib
import json


def seal(entry, previous):
    pairs = [f"{json.dumps(key)}:{json.dumps(entry[key])}" for key in sorted(entry)]
    text = "{" + ",".join(pairs) + "}"
    return hashlib.sha256(f"{previous}{text}".encode()).hexdigest()
