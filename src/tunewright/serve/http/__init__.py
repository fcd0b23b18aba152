"""The address that OpenAI's clients speak to: what may be asked, how it is answered, who may ask."""
