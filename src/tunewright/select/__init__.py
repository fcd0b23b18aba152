"""Which pre-trained model suits this data and this machine?"""
