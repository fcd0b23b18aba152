"""Rows as text, ids and batches; shared by every stage that sees a row."""
