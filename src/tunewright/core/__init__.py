"""No torch, no transformers: values, plan, run folder, errors, events, machine."""
