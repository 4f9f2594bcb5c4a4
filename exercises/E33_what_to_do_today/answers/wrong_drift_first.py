def choose_action(findings, alarms):
    changed = sorted(one for one in alarms if one not in ("volume", "channel mix"))
    if changed:
        return "retrain", changed
    broken = sorted(check for check, severity in findings if severity == "act")
    return ("fix data", broken) if broken else ("nothing", [])
