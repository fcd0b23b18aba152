"""Answers of a proven model: to a file of rows, to a person who types."""
