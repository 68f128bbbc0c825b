//! The distance between two places, in metres.

use geographiclib_rs::{Geodesic, InverseGeodesic};

/// How the shape of the earth is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// The ellipsoid WGS 84.
    #[default]
    Wgs84,
    /// A sphere, as the package `gsw` computes it.
    Haversine,
}

pub(super) const EARTH_RADIUS_M: f64 = 6_371_000.0;

/// From each place to the next, in metres; NaN where a coordinate is none.
pub(super) fn steps(method: Method, lon: &[f64], lat: &[f64]) -> Vec<f64> {
    let earth = Geodesic::wgs84();
    lon.windows(2)
        .zip(lat.windows(2))
        .map(|(lon, lat)| match method {
            Method::Wgs84 => geodesic(&earth, [lon[0], lat[0]], [lon[1], lat[1]]),
            Method::Haversine => haversine([lon[0], lat[0]], [lon[1], lat[1]]),
        })
        .collect()
}

fn geodesic(earth: &Geodesic, [lon1, lat1]: [f64; 2], [lon2, lat2]: [f64; 2]) -> f64 {
    let is_on_earth = |lon: f64, lat: f64| lon.is_finite() && lat.abs() <= 90.0;
    if is_on_earth(lon1, lat1) && is_on_earth(lon2, lat2) {
        earth.inverse(lat1, lon1, lat2, lon2)
    } else {
        f64::NAN
    }
}

fn haversine([lon1, lat1]: [f64; 2], [lon2, lat2]: [f64; 2]) -> f64 {
    let (lon1, lat1) = (lon1.to_radians(), lat1.to_radians());
    let (lon2, lat2) = (lon2.to_radians(), lat2.to_radians());
    let square_of_sine = |angle: f64| (angle / 2.0).sin() * (angle / 2.0).sin();
    let share = square_of_sine(lat2 - lat1) + lat1.cos() * lat2.cos() * square_of_sine(lon2 - lon1);
    EARTH_RADIUS_M * (2.0 * share.sqrt().atan2((1.0 - share).sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_degree_of_the_equator_is_as_long_as_the_model_says() {
        let metres = |method| steps(method, &[0.0, 1.0, f64::NAN], &[0.0, 0.0, 0.0]);
        assert!((metres(Method::Wgs84)[0] - 111_319.490_793).abs() < 1e-5);
        assert!((metres(Method::Haversine)[0] - 111_194.926_645).abs() < 1e-5);
        assert!(metres(Method::Wgs84)[1].is_nan());
    }
}
