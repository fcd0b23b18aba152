"""The proven model in folders that other software loads, compared with the proven one before they are published."""
