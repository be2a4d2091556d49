"""The trust gate and the verdict: may this run be believed, and what does it say?"""
