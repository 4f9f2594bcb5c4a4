def run_notebook(execute, notebook, folder, values, defaults):
    for name in values:
        if name not in defaults:
            raise ValueError(f"unknown parameter {name}")
    execute(str(notebook), str(folder.joinpath(notebook.name)), parameters=dict(values))
