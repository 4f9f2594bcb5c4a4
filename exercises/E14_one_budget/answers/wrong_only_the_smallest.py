def find_drifted(p_values, budget):
    p, name = min((p, name) for name, p in p_values.items())
    return [name] if p * len(p_values) < budget else []
