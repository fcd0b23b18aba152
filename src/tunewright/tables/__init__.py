"""A user's file as rows: read, understood and cleaned in the same way for training and for prediction."""
