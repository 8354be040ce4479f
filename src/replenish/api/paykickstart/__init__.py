"""PayKickstart's add-on endpoints: translates in, one flow call each, translates out."""
