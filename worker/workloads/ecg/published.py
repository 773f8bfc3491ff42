"""What was published and stands beside ours: a parameter count, and results between patients on MIT-BIH.

DS1 to DS2 of de Chazal; sensitivity is recall, positive predictivity precision. The figures of classes are
those of the paper's abstract; accuracy and the mean sensitivity of the four classes without Q as compiled at
github.com/mondejar/ecg-classification. The paper trained on all of DS1; here record 201 is left out, of the
same person as 202 of DS2, and part of DS1 validates.
"""

from __future__ import annotations

from typing import Any

PUBLISHED_PARAMETERS = 17_573
"""Of the original's SmallResNet1D with one lead, counted; it published none."""

DE_CHAZAL_2004: dict[str, Any] = {
    "source": (
        "de Chazal, O'Dwyer, Reilly: Automatic classification of heartbeats using ECG morphology and "
        "heartbeat interval features, IEEE Trans. Biomed. Eng. 51 (7), 1196-1206, 2004"
    ),
    "per_class": {
        "S": {"recall": 0.759, "precision": 0.385},
        "V": {"recall": 0.777, "precision": 0.819},
    },
    "accuracy": 0.862,
    "mean_recall_nsvf": 0.832,
}
