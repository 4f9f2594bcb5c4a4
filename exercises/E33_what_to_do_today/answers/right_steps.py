def choose_action(findings, alarms):
    broken = []
    for check, severity in findings:
        if severity == "act":
            broken.append(check)
    if len(broken) > 0:
        return ("fix data", sorted(broken))
    reasons = [one for one in alarms if one in ("inputs", "scores", "fraud reports")]
    return ("retrain", sorted(reasons)) if reasons else ("nothing", [])
