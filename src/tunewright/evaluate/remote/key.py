"""Addresses with their keys, taken from the environment when they are needed and kept nowhere.

In: a plan, the name of an address. Out: Address, or the error that says which variable is empty. Its own file because
it alone reads the environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from tunewright.core.api_plan import FIELD
from tunewright.core.errors import EvalError
from tunewright.core.plan import Plan
from tunewright.evaluate.remote.named import asked_apis
from tunewright.evaluate.remote.send import Address


def refuse_missing_keys(plan: Plan) -> None:
    """Raises EvalError when a variable that should hold a key is empty: better known before hours of training."""
    for name in asked_apis(plan):
        address_of(plan, name)


def address_of(plan: Plan, name: str, *, environment: Mapping[str, str] | None = None) -> Address:
    """The address with its key.

    environment: instead of this process's own.
    Raises EvalError when its variable is not set, or holds what no header can.
    """
    api = plan.evaluate.apis[name]
    if api.key_env is None:
        return Address(name, api)
    key = (os.environ if environment is None else environment).get(api.key_env, "").strip()
    if not key or not key.isascii() or not key.isprintable():
        what = "holds no key that can be sent" if key else "is not set"
        raise EvalError(
            f"the environment variable {api.key_env} {what}",
            where=f"{FIELD}.{name}.key_env",
            why=f"{api.host} is asked with the key that stands in it",
            fix=f"export {api.key_env}=... and run the same command again; an address without a key has no key_env",
        )
    return Address(name, api, key)
