def choose_action(findings, alarms):
    evidence = {
        "fix data": {check for check, severity in findings if severity != "watch"},
        "retrain": set(alarms).difference(["volume", "channel mix"]),
    }
    for action, reasons in evidence.items():
        if reasons:
            return action, sorted(reasons)
    return "nothing", []
