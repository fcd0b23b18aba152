"""Every fault, by theme.

In: the tables of this folder. Out: THEMES. Its own file because the tests and the page go through the same list.
"""

from __future__ import annotations

from tests.faults import (
    api_faults,
    chat_faults,
    data_faults,
    machine_faults,
    model_faults,
    output_faults,
    plan_faults,
    stopped_faults,
    train_faults,
)
from tests.faults.fault import Fault

THEMES: dict[str, tuple[Fault, ...]] = {
    "The words and the plan": plan_faults.FAULTS,
    "Data that cannot be used": data_faults.REFUSED,
    "Data that is odd, and is used all the same": data_faults.SURVIVED,
    "Prompts, answers, conversations": chat_faults.FAULTS,
    "Models": model_faults.FAULTS,
    "Training": train_faults.FAULTS,
    "Models behind an address": api_faults.FAULTS,
    "Runs that are stopped": stopped_faults.FAULTS,
    "Disks, folders and streams": machine_faults.FAULTS,
    "Names and output": output_faults.FAULTS,
}
