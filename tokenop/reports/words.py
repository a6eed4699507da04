"""Numbers as people read them: signed, with units, never a zero for what is unknown."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

UNKNOWN = "unknown"
MINUS = "\N{MINUS SIGN}"

Number = Decimal | float | int


def usd(amount: Number | None) -> str:
    """Return `amount` in US dollars with as many digits as matter: `$12,430`, `$42.10`, `$0.0042`, `−$120`."""
    if amount is None:
        return UNKNOWN
    value = Decimal(str(amount))
    size = abs(value)
    if size >= 100 or size == 0:
        digits = 0
    elif size >= Decimal("0.1"):
        digits = 2
    else:
        # Two significant digits, however small; below a millionth of a dollar nothing is left to say.
        digits = min(-size.adjusted() + 1, 8)
    text = f"{size:,.{digits}f}"
    return f"{MINUS if value < 0 and float(text.replace(',', '')) else ''}${text}"


def change(amount: Number | None) -> str:
    """Return `amount` in US dollars with its sign, `+` included: `+$12`, `−$3,480`, `±$0`."""
    if amount is None:
        return UNKNOWN
    text = usd(amount)
    if text.startswith(MINUS):
        return text
    return f"±{text}" if text == "$0" else f"+{text}"


def percent(share: Number | None, digits: int = 0) -> str:
    """Return a share (0–1) in percent: `28 %`. A share just below 1 never rounds up to 100 %."""
    if share is None:
        return UNKNOWN
    value = Decimal(str(share)) * 100
    text = f"{abs(value):,.{digits}f}"
    if abs(value) < 100 and text.startswith("100"):
        text = str(abs(value).quantize(Decimal(1).scaleb(-max(digits, 1)), ROUND_FLOOR))
    sign = MINUS if value < 0 and float(text.replace(",", "")) else ""
    return f"{sign}{text}\N{NARROW NO-BREAK SPACE}%"


def percent_change(before: Number | None, after: Number | None) -> str:
    """Return the signed change from `before` to `after` in percent; `new` where there was nothing before."""
    if before is None or after is None:
        return UNKNOWN
    first, second = Decimal(str(before)), Decimal(str(after))
    if first == second:
        return "±0\N{NARROW NO-BREAK SPACE}%"
    if first <= 0:
        return "new"
    text = percent((second - first) / first)
    if text.startswith(MINUS):
        return text
    return f"+{text}" if not text.startswith("0") else f"±{text}"


def count(number: Number | None) -> str:
    """Return a count with thousands separated; unknown stays unknown."""
    if number is None:
        return UNKNOWN
    return f"{Decimal(str(number)):,.0f}".replace("-", MINUS)


def short(number: Number | None) -> str:
    """Return a large count in three digits: `1.24 B`, `310 M`, `4.1 k`."""
    if number is None:
        return UNKNOWN
    value = float(number)
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 0.9995:
            return f"{value / size:.3g}\N{NARROW NO-BREAK SPACE}{unit}".replace("-", MINUS)
    return f"{value:.0f}".replace("-", MINUS)


def days(number: Number | None) -> str:
    """Return a number of days; None means that the day never comes."""
    if number is None:
        return "never"
    value = float(number)
    if value < 1:
        return "under a day" if value > 0 else "at once"
    return f"{value:,.0f} day{'' if round(value) == 1 else 's'}"


def day_range(low: Number | None, high: Number | None) -> str:
    """Return an interval of days, the unit said once: `180 to 470 days`, `225 days to never`."""
    first, last = days(low), days(high)
    unit = " days"
    return f"{first.removesuffix(unit) if last.endswith(unit) else first} to {last}" if first != last else first


def clip(text: str, width: int) -> str:
    """Return `text` cut to `width` characters, the cut shown by an ellipsis in the middle (both ends carry meaning)."""
    flat = " ".join(text.split())
    if len(flat) <= width:
        return flat
    tail = (width - 1) // 3
    return f"{flat[: width - 1 - tail]}…{flat[len(flat) - tail :]}"
