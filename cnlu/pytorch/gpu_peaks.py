"""Peak arithmetic throughput of GPUs, for comparison with a measured speed."""

from __future__ import annotations

PEAKS = {
    "B200": 2250,
    "GH200": 989,
    "H200 NVL": 835,
    "H200": 989,
    "H100 NVL": 835,
    "H100 PCIe": 756,
    "H100": 989,
    "H800 PCIe": 756,
    "H800": 989,
    "H20": 148,
    "A100": 312,
    "A800": 312,
    "A40": 150,
    "A30": 165,
    "A10": 125,
    "L40S": 362,
    "L40": 181,
    "L4": 121,
    "RTX A6000": 155,
    "RTX 4090": 165,
    "RTX 3090": 71,
}
"""TFLOP/s of dense bfloat16 products, from the vendor's data sheets, which often print the double rate of sparse ones.

The H100 PCIe is a smaller chip than the SXM module, which names no form factor; the NVL cards run at a lower clock."""
_VARIANTS = {"D", "Ti", "Laptop"}
"""Words that mark a consumer card of the same number with another chip, whose peak is not in the table"""


def listed_peak(name: str) -> float | None:
    """TFLOP/s of the GPU that the driver calls `name`; None if it is not in the table."""
    words = name.replace("-", " ").split()
    if _VARIANTS & set(words):
        return None
    spaced = f" {' '.join(words)} "
    return next((float(peak) for gpu, peak in PEAKS.items() if f" {gpu} " in spaced), None)
