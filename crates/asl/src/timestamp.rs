//! Timestamps as the language writes them: RFC 3339 with a capital `T` and, for UTC, a capital `Z`.

use jiff::Timestamp;

/// The instant, if `text` is a timestamp, for instance `2016-08-18T17:33:00Z` or `2016-08-18T19:33:00.5+02:00`.
///
/// The last day of the year 9999, which often stands for never, goes beyond the instants that there are here: all of it is
/// the last of them.
pub fn parse(text: &str) -> Option<Timestamp> {
    if !has_shape(text.as_bytes()) {
        return None;
    }
    text.parse().ok().or_else(|| is_in_last_days(text).then_some(Timestamp::MAX))
}

fn is_in_last_days(text: &str) -> bool {
    // In another year the rest of it must be an instant.
    text.starts_with("9999-12-3") && format!("2000{}", &text[4..]).parse::<Timestamp>().is_ok()
}

/// jiff reads more than RFC 3339 (blanks, lower case, zone names, no seconds): the shape excludes it.
fn has_shape(text: &[u8]) -> bool {
    let Some((date_time, rest)) = text.split_at_checked(19) else { return false };
    let shape = b"0000-00-00T00:00:00";
    let fits = date_time.iter().zip(shape).all(|(c, wanted)| match wanted {
        b'0' => c.is_ascii_digit(),
        wanted => c == wanted,
    });
    fits && is_zone(without_fraction(rest))
}

fn without_fraction(rest: &[u8]) -> &[u8] {
    match rest.strip_prefix(b".") {
        Some(fraction) => {
            let digits = fraction.iter().take_while(|c| c.is_ascii_digit()).count();
            // A point without digits is left over and is no zone.
            if digits == 0 { rest } else { &fraction[digits..] }
        }
        None => rest,
    }
}

fn is_zone(zone: &[u8]) -> bool {
    match zone {
        b"Z" => true,
        [b'+' | b'-', a, b, b':', c, d] => [a, b, c, d].iter().all(|c| c.is_ascii_digit()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn never_is_later_than_everything_else() {
        let never = parse("9999-12-31T23:59:59.999Z").unwrap();
        assert!(never > parse("9999-12-30T21:59:59Z").unwrap());
        assert!(parse("9999-12-31T00:00:00-05:00").is_some());
        for text in ["9999-12-32T00:00:00Z", "9999-12-31T24:00:00Z", "9999-12-31T00:00:00+99:00"] {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn only_rfc_3339_with_t_and_z_is_read() {
        for text in [
            "2016-08-18T17:33:00Z",
            "2016-08-18T17:33:00.123456789Z",
            "2016-08-18T19:33:00+02:00",
            "2016-08-18T19:33:00.5-00:30",
        ] {
            assert!(parse(text).is_some(), "{text}");
        }
        for text in [
            "",
            "2016-08-18",
            "2016-08-18T17:33:00",
            "2016-08-18 17:33:00Z",
            "2016-08-18t17:33:00z",
            "2016-08-18T17:33Z",
            "2016-08-18T17:33:00.Z",
            "2016-13-18T17:33:00Z",
            "2016-08-18T25:33:00Z",
            "2016-08-18T17:33:00+0200",
            "2016-08-18T17:33:00Z[UTC]",
            "05-12-2016T21:29:29Z",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
