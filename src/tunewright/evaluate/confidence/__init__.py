"""Can the model's confidence be believed, and when may an answer go out alone?"""
