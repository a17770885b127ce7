"""Numbers as people read them."""

import math

_KILO = 1024


def format_bytes(count: float) -> str:
    """Formats a size in binary units (IEC 80000-13), to 3 digits or more: `4.50 KiB`."""
    if count < _KILO:
        return f"{count:.0f} B"
    size, unit = count / _KILO, "KiB"
    for larger in ("MiB", "GiB", "TiB"):
        if size < _KILO:
            break
        size, unit = size / _KILO, larger
    return f"{_digits(size)} {unit}"


def format_milliseconds(milliseconds: float) -> str:
    """Formats a latency to 3 significant digits: `0.212 ms`."""
    return f"{_digits(milliseconds)} ms"


def format_percent(share: float) -> str:
    """Formats a share of 0 to 1 as a percentage with 2 decimals."""
    return f"{100 * share:.2f}%"


def format_count(count: float) -> str:
    """Formats a count in full up to a million, then to 3 significant digits: `12,345`, `4.20 M`."""
    if count < 1e6:
        return f"{count:,.0f}"
    power, unit = next((power, unit) for power, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")) if count >= power)
    return f"{_digits(count / power)} {unit}"


def format_score(value: float) -> str:
    """Formats a score, such as R² or an error in the target's unit, to 4 significant digits: `0.4523`, `53.21`."""
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}"
    return f"{value:,.{max(0, 3 - math.floor(math.log10(abs(value))))}f}"


def format_seconds(seconds: float) -> str:
    """Formats a duration: `0.8 s`, `2 min 05 s`, `1 h 02 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60:02d} min"


def format_money(amount: float, currency: str) -> str:
    """Formats an amount with 4 decimals, so that small ones line up: `0.0042 USD`; 2 from a hundred on."""
    if 0 < amount < 0.00005:
        return f"under 0.0001 {currency}"
    return f"{amount:,.{2 if amount >= 100 else 4}f} {currency}"


def format_ratio(ratio: float) -> str:
    """Formats how many times one figure is another: `1.25x`, `3.9x`, `240x`."""
    decimals = 2 if ratio < 1.995 else 1 if ratio < 99.95 else 0
    return f"{ratio:,.{decimals}f}x"


def format_points(difference: float) -> str:
    """Formats a difference of two shares in percentage points, signed: `-0.35 points`."""
    points = round(100 * difference, 2)
    return f"{points:+.2f} points"


def _digits(value: float) -> str:
    """Writes a number to 3 significant digits, never in scientific notation."""
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}"
    return f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
