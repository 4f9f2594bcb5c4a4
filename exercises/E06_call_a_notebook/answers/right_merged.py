def run_notebook(execute, notebook, folder, values, defaults):
    if not values.keys() <= defaults.keys():
        raise ValueError("unknown parameters")
    execute(notebook, folder / notebook.name, {**defaults, **values})
