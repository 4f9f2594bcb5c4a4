def order_notebooks(needs):
    order, left = [], dict(needs)
    while left:
        ready = [name for name in left if all(one not in left for one in left[name])]
        if not ready:
            break
        for name in ready:
            order.append(name)
            del left[name]
    return order
