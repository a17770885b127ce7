import pytest

from pipeline.reporting import figures


@pytest.mark.parametrize(
    ("function", "arguments", "text"),
    [
        ("format_bytes", (0,), "0 B"),
        ("format_bytes", (1023,), "1023 B"),
        ("format_bytes", (4608,), "4.50 KiB"),
        ("format_bytes", (24_576,), "24.0 KiB"),
        ("format_bytes", (5 * 1024**2,), "5.00 MiB"),
        ("format_bytes", (3000 * 1024**4,), "3,000 TiB"),
        ("format_milliseconds", (0.2119,), "0.212 ms"),
        ("format_milliseconds", (0.00053,), "0.000530 ms"),
        ("format_milliseconds", (1234.5,), "1,234 ms"),
        ("format_percent", (0.968,), "96.80%"),
        ("format_count", (999_999,), "999,999"),
        ("format_count", (4_200_000,), "4.20 M"),
        ("format_count", (56_000_000_000,), "56.0 G"),
        ("format_seconds", (0.84,), "0.8 s"),
        ("format_seconds", (59.99,), "1 min 00 s"),
        ("format_seconds", (125,), "2 min 05 s"),
        ("format_seconds", (3720,), "1 h 02 min"),
        ("format_money", (0.0766, "USD"), "0.0766 USD"),
        ("format_money", (1234.5, "EUR"), "1,234.50 EUR"),
        ("format_money", (0.00001, "USD"), "under 0.0001 USD"),
        ("format_money", (0, "USD"), "0.0000 USD"),
        ("format_ratio", (1.25,), "1.25x"),
        ("format_ratio", (3.917,), "3.9x"),
        ("format_ratio", (240.2,), "240x"),
        ("format_points", (-0.0035,), "-0.35 points"),
        ("format_points", (0.02,), "+2.00 points"),
    ],
)
def test_a_number_reads_as(function, arguments, text):
    assert getattr(figures, function)(*arguments) == text
