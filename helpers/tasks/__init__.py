"""python -m helpers task: what ACR Tasks will make of a file, told without running anything."""
