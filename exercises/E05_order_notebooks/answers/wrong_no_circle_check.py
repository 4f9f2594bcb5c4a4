def order_notebooks(needs):
    order = []
    while len(order) < len(needs):
        for name in needs:
            if name not in order and all(one in order for one in needs[name]):
                order.append(name)
    return order
