//! Quality control of grouped streams of measurements.
