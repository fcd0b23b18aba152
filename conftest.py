"""Puts the checkout's root on the path, so that tests share tests/tiny.py and tests/shared_data.py."""
