def run_notebook(execute, notebook, folder, values, defaults):
    known = {name: value for name, value in values.items() if name in defaults}
    execute(notebook, folder / notebook.name, parameters=known)
