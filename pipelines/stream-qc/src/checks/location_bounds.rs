//! Location bounds: places inside or outside of an area.

use crate::flag::Flag;

/// An area, and on which side of its border points are FAIL. The border is outside.
///
/// ```toml
/// location_bounds = { bbox = [-80, 20, -70, 30], fail = "outside" }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LocationBounds {
    /// The corners, as longitude and latitude, at least three; the last one is joined to the first.
    pub polygon: Vec<[f64; 2]>,
    /// Whether points inside are FAIL, and not those outside.
    pub fails_inside: bool,
}

impl LocationBounds {
    /// The rectangle between two corners.
    pub fn of_box([min_lon, min_lat, max_lon, max_lat]: [f64; 4], fails_inside: bool) -> Self {
        let polygon =
            vec![[min_lon, min_lat], [max_lon, min_lat], [max_lon, max_lat], [min_lon, max_lat]];
        Self { polygon, fails_inside }
    }

    /// MISSING where a coordinate is.
    pub fn flags(&self, lon: &[f64], lat: &[f64]) -> Vec<Flag> {
        lon.iter()
            .zip(lat)
            .map(|(lon, lat)| {
                if lon.is_nan() || lat.is_nan() {
                    Flag::Missing
                } else if self.holds([*lon, *lat]) == self.fails_inside {
                    Flag::Fail
                } else {
                    Flag::Good
                }
            })
            .collect()
    }

    /// Whether a ray from the point to the right crosses the border an odd number of times.
    fn holds(&self, point: [f64; 2]) -> bool {
        let corners = self.polygon.iter();
        let next = self.polygon.iter().cycle().skip(1);
        let mut is_inside = false;
        for (from, to) in corners.zip(next) {
            match crossing(*from, *to, point) {
                Crossing::Border => return false,
                Crossing::Right => is_inside = !is_inside,
                Crossing::None => {}
            }
        }
        is_inside
    }
}

enum Crossing {
    None,
    Right,
    Border,
}

fn crossing(from: [f64; 2], to: [f64; 2], [x, y]: [f64; 2]) -> Crossing {
    let (low, high) = if from[1] <= to[1] { (from, to) } else { (to, from) };
    if low[1] == high[1] {
        let (left, right) = (from[0].min(to[0]), from[0].max(to[0]));
        let is_on = y == low[1] && (left..=right).contains(&x);
        return if is_on { Crossing::Border } else { Crossing::None };
    }
    if y < low[1] || y > high[1] {
        return Crossing::None;
    }
    let side = orientation(low, high, [x, y]);
    if side == 0.0 {
        return Crossing::Border;
    }
    // The upper end belongs to the next edge.
    if side > 0.0 && y < high[1] { Crossing::Right } else { Crossing::None }
}

/// Positive if the point is left of the line. Exact for all that is on the border of a box.
fn orientation(from: [f64; 2], to: [f64; 2], [x, y]: [f64; 2]) -> f64 {
    let (left, right) = ((to[0] - from[0]) * (y - from[1]), (to[1] - from[1]) * (x - from[0]));
    let rounded = left - right;
    let uncertain = 4.0 * f64::EPSILON * (left.abs() + right.abs());
    if rounded.abs() > uncertain {
        return rounded;
    }
    // The rounding errors of both products decide.
    let error_of_left = (to[0] - from[0]).mul_add(y - from[1], -left);
    let error_of_right = (to[1] - from[1]).mul_add(x - from[0], -right);
    rounded + (error_of_left - error_of_right)
}
