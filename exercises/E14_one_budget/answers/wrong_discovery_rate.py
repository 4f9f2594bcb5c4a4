import numpy as np
from scipy.stats import false_discovery_control


def find_drifted(p_values, budget):
    names = np.array(list(p_values))
    adjusted = false_discovery_control(list(p_values.values()))
    return sorted(names[adjusted <= budget].tolist())
