"""What chance could have done: intervals, tests, and several trainings."""
