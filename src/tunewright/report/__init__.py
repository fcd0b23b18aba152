"""The evidence as one page and one model card."""
