"""The race: which model, method and rate, by short trainings on the user's own rows."""
