//! Sizes as people write them: `300M` is 300 MiB.

const UNITS: [(&str, u64); 4] = [
    ("T", 1 << 40),
    ("G", 1 << 30),
    ("M", 1 << 20),
    ("K", 1 << 10),
];

/// Returns the size in bytes of `314572800`, `300M`, `300MB` or `300MiB`.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size, write bytes or such as `300M`");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    // `parse` would take a sign.
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let suffix = text[digits.len()..].to_ascii_uppercase();
    let unit = match suffix.as_str() {
        "B" => "",
        suffix => suffix
            .strip_suffix("IB")
            .filter(|unit| !unit.is_empty())
            .or_else(|| suffix.strip_suffix('B'))
            .unwrap_or(suffix),
    };
    let factor = match unit {
        "" => 1,
        unit => {
            UNITS
                .iter()
                .find(|(name, _)| *name == unit)
                .ok_or_else(wrong)?
                .1
        }
    };
    number
        .checked_mul(factor)
        .ok_or_else(|| format!("`{text}` is too large"))
}

/// Returns the size in the largest unit that it is a whole number of.
pub(crate) fn format_size(bytes: u64) -> String {
    let fits = |(_, factor): &&(&str, u64)| bytes > 0 && bytes.is_multiple_of(*factor);
    UNITS.iter().find(fits).map_or_else(
        || format!("{bytes}B"),
        |(unit, factor)| format!("{}{unit}", bytes / factor),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_they_print() {
        for (text, bytes) in [
            ("512000", 512_000),
            ("10M", 10_485_760),
            ("1G", 1 << 30),
            ("300MiB", 314_572_800),
        ] {
            assert_eq!(parse_size(text), Ok(bytes));
        }
        for bytes in [
            0,
            1,
            512_000,
            10_485_760,
            104_857_600,
            9_007_199_254_740_991,
        ] {
            assert_eq!(parse_size(&format_size(bytes)), Ok(bytes));
        }
        assert_eq!(format_size(314_572_800), "300M");
        for wrong in ["", "M", "-1", "1.5G", "10X", "5IB", "+5M", "99999999999T"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }
}
