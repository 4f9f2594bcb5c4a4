"""Entries of the ledger in words, for people who read the record."""

from collections.abc import Callable
from typing import Any

from fraudops.review.policy import REASON_CODES, SKIP_REASONS
from fraudops.timeline import format_time

# kind, as a person chooses it: its events
ENTRY_KINDS: dict[str, tuple[str, ...]] = {
    "decisions": ("decision",),
    "what else happens to cases": ("read", "skip", "settled", "assign", "comment", "bulk"),
    "labels that arrived": ("chargebacks",),
    "model events": ("champion", "refused", "service", "request"),
    "user changes": ("user",),
    "logins": ("login",),
    "alerts": ("alert",),
    "lists and exports": ("list", "export"),
    "seals": ("seal",),
    "audit samples and findings": ("sample", "finding"),
}
DECISION_WORDS = {
    "opinion": "says about {tx_id}, with the score hidden: {verdict}",
    "decision": "decides that {tx_id} is {verdict}",
    "proposal": "proposes that {tx_id} is {verdict}; a second person has to agree",
    "confirmation": "agrees, as the second person, that {tx_id} is {verdict}",
    "objection": "disagrees with the person before: {tx_id} is {verdict}; a third has to agree",
    "undo": "takes back: {tx_id} is {verdict}",
}
USER_WORDS = {
    "added": "adds the user {name} as {role}",
    "role": "gives the user {name} the role {role}",
    "deactivated": "ends the access of the user {name}",
    "activated": "gives the user {name} access again",
    "password reset": "gives the user {name} a one-time password",
    "password": "sets a new password of the user {name}",
    "locked": "locks the user {name} for {minutes} minutes after wrong passwords",
    "taken over": "takes over the user {name} ({role}) from the operation before",
}


def describe_entry(event: str, payload: dict[str, Any]) -> str:
    """Describe what an entry records, as the rest of a sentence that begins with the actor.

    An entry of another version, or of an unknown event, is described by its fields.

    Parameters
    ----------
    event : str
    payload : dict of str to Any

    Returns
    -------
    str
        Plain text; whoever shows it escapes it.

    Examples
    --------
    >>> describe_entry("read", {"tx_id": "T7"})
    'opens the case of T7'
    """
    try:
        return _WORDS[event](payload)
    except (KeyError, TypeError, ValueError, IndexError):
        fields = ", ".join(f"{key} {value}" for key, value in payload.items())
        return f"records {event}" + (f": {fields}" if fields else "")


def _describe_decision(payload: dict[str, Any]) -> str:
    if payload["verdict"] == "unsure" and payload.get("stage") not in ("opinion", "undo"):
        text = f"is unsure about {payload['tx_id']} and puts it back for another person"
    else:
        text = DECISION_WORDS[payload.get("stage", "decision")].format_map(payload)
    text += ", against the model" if payload.get("override") else ""
    if payload.get("reason"):
        reason = REASON_CODES.get(payload["reason"])
        text += f". Reason: {reason.words if reason else payload['reason']}"
    text += f". Note: “{payload['note']}”" if payload.get("note") else ""
    return text + (f". After {payload['seconds']:,.0f} s" if payload.get("seconds") else "")


def _describe_skip(payload: dict[str, Any]) -> str:
    reason = SKIP_REASONS.get(payload["reason"], payload["reason"])
    until = payload.get("until")
    later = f", not to be given out before {format_time(until)} UTC" if until else ""
    return f"puts {payload['tx_id']} back without a decision: {reason}{later}"


def _describe_settled(payload: dict[str, Any]) -> str:
    cases = payload["cases"]
    causes = {"chargeback": "a chargeback arrived", "mature": "no report came in time"}
    named = [f"{tx_id} ({causes.get(cause, cause)})" for tx_id, cause in cases[:3]]
    return f"takes {_count(len(cases), 'case')} out of the queue: {_and_more(named, len(cases))}"


def _describe_chargebacks(payload: dict[str, Any]) -> str:
    labels = payload["labels"]
    named = [f"{tx_id} on {format_time(ts)} UTC" for tx_id, _actor, _fraud, ts in labels[:3]]
    return f"delivers {_count(len(labels), 'chargeback')}: {_and_more(named, len(labels))}"


def _describe_champion(payload: dict[str, Any]) -> str:
    verb = {"rollback": "rolls back to", "promotion": "makes champion"}[payload["kind"]]
    before = f", in place of {payload['previous']}" if payload["previous"] else ""
    return f"{verb} version {payload['version']}{before}. Reason: {payload['reason']}"


def _describe_service(payload: dict[str, Any]) -> str:
    asked = payload.get("on_behalf_of")
    values = {key: one for key, one in payload.items() if key not in ("reason", "on_behalf_of")}
    changes = ", ".join(
        f"{key} {'is removed' if one is None else _name_value(one)}" for key, one in values.items()
    )
    wanted = f" for {asked}" if asked else ""
    return f"changes what the service follows{wanted}: {changes}. Reason: {payload['reason']}"


def _name_value(value: Any) -> str:
    """Name a value of the deployment: a model by its version, the rest by its fields."""
    if isinstance(value, dict):
        value = value.get("version") or value.get("mode") or value
        return f"is {value}"
    return f"is {value}"


def _describe_request(payload: dict[str, Any]) -> str:
    verb = {"open": "asks for", "granted": "grants", "refused": "refuses", "withdrawn": "withdraws"}
    reason = f". Reason: {payload['reason']}" if payload.get("reason") else ""
    return (
        f"{verb[payload['state']]} the {payload['what']} of version {payload['version']} "
        f"(request {payload['id']}){reason}"
    )


def _describe_login(payload: dict[str, Any]) -> str:
    way = {"form": "with the form", "proxy": "through the proxy"}.get(payload["via"], "")
    if payload["result"] == "ok":
        return f"logs in {way}".rstrip()
    return f"is refused at the login {way}".rstrip() + f": {payload.get('reason', 'no reason')}"


def _describe_alert(payload: dict[str, Any]) -> str:
    if payload["state"] == "acknowledged":
        return f"looks at the alert {payload['alert_id']}"
    reason = f". Reason: {payload['reason']}" if payload["reason"] else ""
    return f"closes the alert {payload['alert_id']} as {payload['outcome']}{reason}"


def _describe_list(payload: dict[str, Any]) -> str:
    filters = ", ".join(f"{key} {value}" for key, value in payload["filters"].items() if value)
    text = f"looks at {_count(payload['rows'], 'row')} of the list “{payload['name']}”"
    return text + (f" ({filters})" if filters else "")


def _describe_export(payload: dict[str, Any]) -> str:
    rows = payload.get("rows")
    return f"exports: {payload['what']}" + ("" if rows is None else f", {_count(rows, 'row')}")


def _describe_sample(payload: dict[str, Any]) -> str:
    return (
        f"draws {_count(len(payload['decisions']), 'decision')} of {payload['population']:,} by "
        f"the seed {payload['seed']}"
    )


def _describe_finding(payload: dict[str, Any]) -> str:
    text = f". Text: “{payload['text']}”" if payload["text"] else ""
    return (
        f"finds decision {payload['decision']} on {payload['tx_id']} (sample "
        f"{payload['sample']}): {payload['grade']}{text}"
    )


_WORDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "decision": _describe_decision,
    "read": lambda payload: f"opens the case of {payload['tx_id']}",
    "skip": _describe_skip,
    "assign": lambda payload: f"assigns the case of {payload['tx_id']} to {payload['to']}",
    "comment": lambda payload: f"comments on {payload['tx_id']}: “{payload['text']}”",
    "settled": _describe_settled,
    "chargebacks": _describe_chargebacks,
    "champion": _describe_champion,
    "refused": lambda payload: (
        f"refuses version {payload['version']}: it did not pass {', '.join(payload['failed'])}"
    ),
    "service": _describe_service,
    "request": _describe_request,
    "user": lambda payload: USER_WORDS[payload["change"]].format_map(payload),
    "login": _describe_login,
    "alert": _describe_alert,
    "list": _describe_list,
    "export": _describe_export,
    "seal": lambda payload: f"seals {_count(payload['rows'], 'row')} of {payload['table']}",
    "sample": _describe_sample,
    "finding": _describe_finding,
}


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _and_more(named: list[str], total: int) -> str:
    more = total - len(named)
    return ", ".join(named) + (f" and {more:,} more" if more > 0 else "")
