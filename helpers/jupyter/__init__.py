"""JupyterLab as ``make lab`` opens it: its start page, what it saves, its kernels, its end."""
