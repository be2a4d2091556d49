"""Deploy artifacts to devices, and the program that runs them there."""
