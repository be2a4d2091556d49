"""The backbones, one folder each: `rows.py` says which models of it the zoo has and what the papers
say of them, and needs no framework; `network.py` is the network."""
