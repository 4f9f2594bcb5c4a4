import hashlib
import json


def seal(entry, previous):
    digest = hashlib.new("sha256", previous.encode("utf-8"))
    text = json.dumps(dict(sorted(entry.items())), separators=(",", ":"))
    digest.update(text.encode("utf-8"))
    return digest.hexdigest()
