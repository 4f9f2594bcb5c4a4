import hashlib


def find_break(entries):
    head = ""
    for place, entry in enumerate(entries):
        digest = hashlib.sha256()
        digest.update(head.encode())
        digest.update(entry["text"].encode())
        if (entry["previous"], entry["hash"]) != (head, digest.hexdigest()):
            return place
        head = digest.hexdigest()
