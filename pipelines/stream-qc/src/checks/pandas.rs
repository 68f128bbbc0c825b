//! Windows of time as pandas takes them.

/// So many seconds have as many nanoseconds as 64 bits can count.
pub(crate) const SECONDS_MAX: f64 = 9_223_372_036.0;

/// What remains of a whole number may be so large: numpy's `isclose` to zero.
const TOLERANCE: f64 = 1e-8;

/// The nanoseconds of a window; nothing if pandas takes none of so many seconds.
///
/// The library writes the seconds as a text, which pandas reads without an exponent. pandas looks for the first unit, from
/// seconds to nanoseconds, that the window has a whole number of, and what it multiplies is not exact: of 1.001 s it gets
/// 1000999999.9999999 ns, and raises ValueError.
pub(crate) fn window(seconds: f64) -> Option<i64> {
    let is_read = (1e-4..SECONDS_MAX).contains(&seconds.abs());
    let units = [1, 1_000, 1_000_000, 1_000_000_000].into_iter().filter(|_| is_read);
    units
        .map(|in_second| (in_second, seconds * in_second as f64))
        .find(|(_, count)| count.rem_euclid(1.0) <= TOLERANCE)
        .map(|(in_second, count)| count as i64 * (1_000_000_000 / in_second))
}
