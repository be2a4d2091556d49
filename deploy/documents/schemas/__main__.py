"""Write the schemas."""

from __future__ import annotations

from edgebench.deploy.documents.schemas import FOLDER, texts
from edgebench.documents import replacing

for name, text in texts().items():
    with replacing(FOLDER / name) as temporary:
        temporary.write_text(text)
