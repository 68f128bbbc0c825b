//! What is wrong with settings, all of it at once, before anything runs.

use stepwell_pipeline::settings::Problem;

use super::Settings;
use crate::message::Template;

/// The most that fits into one item of a table beside its other attributes.
const POINTS_KEPT_MAX: usize = 5_000;
/// They travel in the state of an execution, which AWS holds to 256 KiB.
const CONTEXT_POINTS_MAX: usize = 1_000;

impl Settings {
    pub(super) fn found_problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        if self.streams.is_none() {
            let help = "name the folder with the files of the streams: streams = \"streams\"";
            found.push(Problem::missing("streams", help));
        }
        found.extend(self.table_problems());
        found.extend(self.out_of_range());
        found.extend(self.template_problems());
        found
    }

    fn table_problems(&self) -> Vec<Problem> {
        let tables = [
            ("summary_table", &self.summary_table),
            ("details_table", &self.details_table),
            ("series_table", &self.series_table),
            ("streams_table", &self.streams_table),
        ];
        let is_name = |name: &str| {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
            (3..=255).contains(&name.len()) && name.chars().all(is_plain)
        };
        let mut found = Vec::new();
        for (at, (key, name)) in tables.iter().enumerate() {
            let Some(name) = name else { continue };
            if !is_name(name) {
                let message = format!("`{key}` is `{name}`, which is no name of a table");
                let help = "a name has 3 to 255 letters, digits and `_-.`";
                found.push(Problem::wrong(key, message, help));
            }
            if tables[..at].iter().any(|(_, other)| other.as_ref() == Some(name)) {
                let message = format!("`{key}` is `{name}`, as another table is");
                found.push(Problem::wrong(key, message, "give each table a name of its own"));
            }
        }
        found
    }

    fn out_of_range(&self) -> Vec<Problem> {
        let within = |key: &'static str, value: Option<u64>, least: u64, most: u64| {
            let value = value.filter(|it| !(least..=most).contains(it))?;
            let message = format!("`{key}` is {value}");
            Some(Problem::wrong(key, message, format!("write a number from {least} to {most}")))
        };
        let count = |value: Option<usize>| value.map(|it| it as u64);
        [
            within("points_kept", count(self.points_kept), 0, POINTS_KEPT_MAX as u64),
            within("context_points", count(self.context_points), 0, CONTEXT_POINTS_MAX as u64),
            within("max_points", count(self.max_points), 1, u64::from(u32::MAX)),
            within("max_download_mb", self.max_download_mb, 1, 1 << 20),
            within("max_concurrency", self.max_concurrency.map(u64::from), 1, 1_000),
            within("silence_seconds", self.silence_seconds, 1, 3_600),
            within("slice_seconds", self.slice_seconds, 1, 86_400),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn template_problems(&self) -> Vec<Problem> {
        let of_groups = self.groups.values().map(|group| ("groups", &group.template));
        let templates = of_groups.chain([("template", &self.template)]);
        let wrong = templates.filter_map(|(key, template)| {
            let error = Template::parse(template.as_deref()?).err()?;
            Some(Problem::wrong(key, format!("`template`: {error}"), Template::help()))
        });
        wrong.collect()
    }
}
