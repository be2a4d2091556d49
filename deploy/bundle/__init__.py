"""What the sample apps are given: models, and how each is used."""
