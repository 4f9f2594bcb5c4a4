def run_notebook(execute, notebook, folder, values, defaults):
    if set(values) - set(defaults):
        raise ValueError("unknown parameter")
    execute(notebook, str(notebook), parameters=values)
