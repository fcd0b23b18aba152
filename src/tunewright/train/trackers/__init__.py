"""Tools that draw a training while it runs. JSONL is always written; these are extras."""
