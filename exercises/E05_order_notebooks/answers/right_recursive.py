def order_notebooks(needs):
    order, open_names = [], set()

    def visit(name):
        if name in open_names:
            raise ValueError(f"{name} needs itself")
        if name in order:
            return
        open_names.add(name)
        for needed in needs[name]:
            visit(needed)
        open_names.remove(name)
        order.append(name)

    for name in needs:
        visit(name)
    return order
