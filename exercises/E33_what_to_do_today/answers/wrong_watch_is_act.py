def choose_action(findings, alarms):
    if findings:
        return "fix data", sorted(check for check, _ in findings)
    changed = sorted({*alarms} - {"volume", "channel mix"})
    return ("retrain", changed) if changed else ("nothing", [])
