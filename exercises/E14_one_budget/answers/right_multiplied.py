def find_drifted(p_values, budget):
    tests = len(p_values)
    return [name for name in sorted(p_values) if min(1.0, p_values[name] * tests) < budget]
