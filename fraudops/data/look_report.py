"""What a look at a delivery has found, in words and as `delivery.yml`."""

import textwrap
from pathlib import Path

import yaml

from fraudops.data.columns import DELIVERY_FILE
from fraudops.data.delivery import OPEN_QUESTION
from fraudops.data.look import Look, Question
from fraudops.errors import UserError

WIDTH = 79
FOUND_BY_INGESTION = {"files", "source", "day_order", "time_zone"}  # without a delivery.yml


def describe_look(look: Look) -> str:
    """Describe what was found, for a terminal of 80 columns.

    Parameters
    ----------
    look : Look

    Returns
    -------
    str
        Text from the files is escaped.
    """
    parts = [_list_pairs("What the file is", look.storage)]
    if len(look.columns):
        parts.append(_describe_columns(look))
    found = {
        key: f"{_write_value(value)} ({look.reasons[key]})"
        for key, value in look.delivery.to_record().items()
        if key in look.reasons
    }
    parts.append(_list_pairs("What was found", found))
    if look.counts:
        parts += [_list_pairs("What ingestion would do with these settings", _count(look))]
        parts += [_list_pairs("Why rows would go to quarantine", look.quarantine)]
    for one in look.questions:
        choices = f" Choices for `{one.key}`: {_list_choices(one)}."
        choices = "" if one.key == "columns" else choices
        parts.append(_wrap(f"Question: {one.text}{choices}", "  "))
    if look.refusal:
        parts.append(_wrap(f"Ingestion would refuse it: {look.refusal}", "  "))
    parts.append(_say_next_step(look))
    return "\n\n".join(_escape(part) for part in parts if part)


def _say_next_step(look: Look) -> str:
    place = look.place.as_posix()
    told = [key for key in look.delivery.to_record() if key not in FOUND_BY_INGESTION]
    lines = []
    if look.questions:
        lines = [
            "Next: answer the question in a delivery.yml, which this writes:",
            f"  fraudops look {place} --write",
        ]
    elif told and not look.is_described:
        lines = [
            f"Next: ingestion must be told {', '.join(told)}. This writes it to delivery.yml:",
            f"  fraudops look {place} --write",
        ]
    elif not look.refusal and look.counts["accepted"]:
        lines = [
            "Next:",
            f"  fraudops run --until 1_1_ingest --source {look.delivery.source} --path {place}",
        ]
    return "\n".join(lines)


def _list_choices(question: Question) -> str:
    return " or ".join(repr(one) for one in question.choices)


def _count(look: Look) -> dict[str, str]:
    counts = look.counts
    shown = {
        "rows": f"{counts['read']:,} read = {counts['accepted']:,} accepted + "
        f"{counts['quarantined']:,} in quarantine",
        "frauds": f"{counts.get('frauds', 0):,}",
        "refunds": f"{counts.get('refunds', 0):,} with reversals, which are kept and not scored",
        "same ids": f"{counts['repeated_ids']:,} rows with a tx_id that was there before",
    }
    if "first_day" in counts:
        shown["days"] = f"{counts['first_day']} to {counts['last_day']}"
    if counts.get("far_off"):
        shown["far off"] = f"{', '.join(counts['far_off'][:5])}: is the year right?"
    return shown


def _describe_columns(look: Look) -> str:
    lines = ["The columns, in the first rows"]
    for name, row in look.columns.iterrows():
        use = f" = {row['used as']}" if row["used as"] not in ("", name) else ""
        unused = "" if row["used as"] else ", not used"
        facts = f"{row['different']:,} different, {row['missing']:,} missing{unused}"
        lines.append(_wrap(f"{str(name)[:40]}{use}: {facts}; {row['examples']}", "    "))
    return "\n".join(lines)


def _list_pairs(title: str, pairs: dict) -> str:
    if not pairs:
        return ""
    lines = [_wrap(f"{name}: {text}", "    ") for name, text in pairs.items()]
    return "\n".join([title, *lines])


def _write_value(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} is {old!r}" for name, old in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else repr(value)


def _wrap(text: str, indent: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent=indent)


def _escape(text: str) -> str:
    return "".join(one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in text)


def write_delivery(look: Look, file: Path) -> None:
    """Write what was found as ``delivery.yml``, with a comment above each line.

    Parameters
    ----------
    look : Look
    file : Path

    Raises
    ------
    UserError
        If the file exists already, or cannot be written.
    """
    content = look.delivery.to_record()
    comments = {key: [reason] for key, reason in look.reasons.items()}
    for one in look.questions:
        notes = comments.setdefault(one.key, [])
        notes.append(one.text)
        if one.key == "columns":
            content["columns"] = content.get("columns", {}) | dict.fromkeys(
                one.choices, OPEN_QUESTION
            )
        else:
            notes.append(f"choices: {_list_choices(one)}")
            content[one.key] = OPEN_QUESTION
    lines = ["# How these files must be read. The ingestion obeys it."]
    for key, value in content.items():
        lines += [f"# {_escape(' '.join(note.split()))}" for note in comments.get(key, [])]
        lines.append(yaml.safe_dump({key: value}, allow_unicode=True, sort_keys=False).strip())
    try:
        with file.open("x", encoding="utf-8") as handle:
            handle.write("\n".join(lines) + "\n")
    except FileExistsError:
        raise UserError(f"{file} exists already: remove it, or edit it by hand.") from None
    except OSError as error:
        raise UserError(
            f"{file} cannot be written ({error.strerror}): name a {DELIVERY_FILE} elsewhere "
            "with --write FILE."
        ) from None
