def order_notebooks(needs):
    return [name for name in needs]
