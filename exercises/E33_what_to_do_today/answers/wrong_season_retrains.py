def choose_action(findings, alarms):
    broken = sorted(check for check, severity in findings if severity == "act")
    if broken:
        return "fix data", broken
    return ("retrain", sorted(alarms)) if alarms else ("nothing", [])
