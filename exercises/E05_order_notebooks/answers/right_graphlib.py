import graphlib


def order_notebooks(needs):
    return [*graphlib.TopologicalSorter(needs).static_order()]
