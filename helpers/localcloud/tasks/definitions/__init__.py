"""What a task file says: YAML, aliases, steps and their order, the commands in them; nothing runs here."""
