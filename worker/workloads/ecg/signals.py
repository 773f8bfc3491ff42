"""From a recording to the form that models see: chosen leads, one rate, one band, mean 0 and deviation 1.

L leads, N samples.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from shared.errors import DataError
from shared.specs.ecg import ANY_LEAD, EcgData
from worker.workloads.ecg.reading import Floats, Recording

log = logging.getLogger(__name__)

TOLD = 0.01
"""Share of missing samples, more than which is told."""
FLAT = 1e-6
"""A lead that deviates less is flat, and left in its units."""


@dataclass(frozen=True)
class Form:
    """What decides how a recording is prepared."""

    leads: tuple[str, ...] | None
    rate: float
    band_hz: tuple[float, float] | None


def form_of(data: EcgData) -> Form:
    """The form a spec asks for."""
    return Form(data.leads, data.sampling_rate, data.band_hz)


def in_form(recording: Recording, form: Form, name: str) -> NDArray[np.float32]:
    """[L, N] resampled, filtered and scaled lead by lead. Raises DataError for leads that are not there."""
    chosen = recording.signal[chosen_leads(recording.leads, form.leads, name)]
    if (share := missing_share(chosen)) > TOLD:
        log.warning(
            "record %r: %.0f %% of a lead was not recorded and is taken for its mean", name[:120], 100 * share
        )
    signal = resampled(filled(chosen), recording.rate, form.rate)
    if form.band_hz is not None:
        signal = band_passed(signal, form.band_hz, form.rate, name)
    return scaled(signal).astype(np.float32)


def chosen_leads(have: Sequence[str], wanted: Sequence[str] | None, name: str) -> list[int]:
    """Places of the wanted leads; `*` takes the next one that no name takes."""
    if wanted is None:
        return list(range(len(have)))
    places = {lead.strip().casefold(): at for at, lead in reversed(list(enumerate(have)))}
    named = {lead: places.get(lead.casefold()) for lead in wanted if lead != ANY_LEAD}
    missing = [lead for lead, at in named.items() if at is None]
    rest = [at for at in range(len(have)) if at not in named.values()]
    if missing or len(rest) < sum(lead == ANY_LEAD for lead in wanted):
        raise DataError(
            f"record {name[:120]!r} has the leads {', '.join(have)}, and data.leads asks for "
            f"{', '.join(wanted)}; name leads that every record has, or leave the record out"
        )
    free = iter(rest)
    return [next(free) if lead == ANY_LEAD else places[lead.casefold()] for lead in wanted]


def missing_share(signal: Floats) -> float:
    """Of the lead with most, the share of samples that the recorder did not have."""
    return float((~np.isfinite(signal)).mean(axis=1).max())


def filled(signal: Floats) -> Floats:
    """Values that the recorder did not have become the mean of their lead; a lead without any is zero."""
    missing = ~np.isfinite(signal)
    if not missing.any():
        return signal
    count = (~missing).sum(axis=1, keepdims=True)
    total = np.where(missing, 0.0, signal).sum(axis=1, keepdims=True)
    return np.where(missing, total / np.maximum(count, 1), signal)


def resampled(signal: Floats, rate: float, wanted: float) -> Floats:
    """[L, N wanted / rate], with a low-pass that keeps higher frequencies from folding back."""
    from scipy.signal import resample_poly

    ratio = Fraction(wanted / rate).limit_denominator(max(1000, round(10 * rate / wanted)))
    if ratio == 1:
        return signal
    return np.asarray(
        resample_poly(signal, ratio.numerator, ratio.denominator, axis=1, padtype="line"), np.float64
    )


def band_passed(signal: Floats, band_hz: tuple[float, float], rate: float, name: str) -> Floats:
    """Forward and backward through a second-order Butterworth band-pass: no delay."""
    from scipy.signal import butter, sosfiltfilt

    sections = butter(2, band_hz, "bandpass", fs=rate, output="sos")
    if signal.shape[1] <= 6 * len(sections) + 3:
        raise DataError(f"record {name[:120]!r} is too short to be filtered; leave it out or unset band_hz")
    return np.asarray(sosfiltfilt(sections, signal, axis=1), np.float64)


def scaled(signal: Floats) -> Floats:
    """Each lead of its own mean 0 and deviation 1; a flat one only centred."""
    mean, deviation = signal.mean(axis=1, keepdims=True), signal.std(axis=1, keepdims=True)
    return np.asarray((signal - mean) / np.where(deviation < FLAT, 1.0, deviation), np.float64)
