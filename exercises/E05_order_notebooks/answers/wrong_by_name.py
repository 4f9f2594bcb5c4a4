def order_notebooks(needs):
    names = list(needs.keys())
    names.sort(key=str.lower)
    return names
