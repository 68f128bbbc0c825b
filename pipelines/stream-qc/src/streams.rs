//! The files of the streams: `streams/GROUP/STREAM.toml` (or `.yaml`, `.json`), one stream each or many.
//!
//! ```toml
//! group = "buoys"                  # default: the folder's name
//! stream = "7-temp"                # default: the file's name
//! window_s = 3600                  # a run without a window looks at so many seconds before its start
//!
//! [data]                           # where the points are, as the input's `Data`
//! uri = "data/7-temp.csv"
//!
//! [process2.gross_range]           # how they are checked: see `config`
//! fail = [0, 25]
//! ```
//!
//! A file with many streams has them under `[groups.GROUP.streams.STREAM]`, each with these keys.
//!
//! Responsible for: finding files, and what in them is not about checks. The checks are read by [`crate::config`].

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use stepwell_pipeline::HandlerError;

use crate::config::{Config, StreamConfig};

/// Endings of files that are read.
const ENDINGS: [&str; 4] = ["toml", "yaml", "yml", "json"];

/// The group of files that lie in no folder of their own and name none.
const NO_GROUP: &str = "default";

/// What a file, or an input, says of one stream.
#[derive(Debug, Clone)]
pub(crate) struct StreamFile {
    /// Nothing: the configuration came with the input.
    path: Option<PathBuf>,
    /// Where the points are.
    pub(crate) data: Option<Value>,
    /// How much of them a run looks at that says no window.
    pub(crate) window_seconds: Option<u32>,
    /// The rest, and nothing of other streams: how they are checked.
    pub(crate) checks: Value,
}

/// A stream that has a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) group: String,
    pub(crate) stream: String,
    /// Below the folder of streams.
    pub(crate) file: String,
}

impl StreamFile {
    /// A configuration that came with the input.
    ///
    /// # Errors
    /// [`HandlerError::Config`] that names what is wrong.
    pub(crate) fn given(document: &Value, group: &str, stream: &str) -> Result<Self, HandlerError> {
        let document = named(document.clone(), group, stream);
        Self::of(None, &document, group, stream)
    }

    /// What the files say of a stream; nothing if none is about it.
    ///
    /// # Errors
    /// [`HandlerError::Config`] with the file's name.
    pub(crate) fn find(
        folder: &Path,
        group: &str,
        stream: &str,
    ) -> Result<Option<Self>, HandlerError> {
        let found = all(folder)?.into_iter().find(|it| it.group == group && it.stream == stream);
        found.map(|it| Self::read(folder, &it.file, group, stream)).transpose()
    }

    /// What a file of the folder says of a stream.
    ///
    /// # Errors
    /// [`HandlerError::Config`] with the file's name.
    pub(crate) fn read(
        folder: &Path,
        file: &str,
        group: &str,
        stream: &str,
    ) -> Result<Self, HandlerError> {
        let path = folder.join(file);
        let (in_group, of_file) = ids_of_place(file);
        let document = named(parse(&path)?, &in_group, &of_file);
        Self::of(Some(path), &document, group, stream)
    }

    fn of(
        path: Option<PathBuf>,
        document: &Value,
        group: &str,
        stream: &str,
    ) -> Result<Self, HandlerError> {
        let mut checks = only(document, group, stream);
        let own = own_keys(&mut checks, group, stream);
        let mut file = Self { path, data: None, window_seconds: None, checks };
        let own = own.map_err(|what| file.refuse(&what))?;
        file.data = own.data;
        file.window_seconds = own.window_seconds;
        config_of(&file.checks, group, stream).map_err(|error| file.refuse(&error.to_string()))?;
        Ok(file)
    }

    /// That something in it is wrong.
    pub(crate) fn refuse(&self, what: &str) -> HandlerError {
        match &self.path {
            Some(path) => refuse(path, what),
            None => HandlerError::Config(format!("`Config`: {what}")),
        }
    }
}

/// How a stream is checked.
///
/// # Errors
/// [`HandlerError::Config`] with all that is wrong.
pub(crate) fn config_of(
    checks: &Value,
    group: &str,
    stream: &str,
) -> Result<StreamConfig, HandlerError> {
    let config = Config::from_value(checks).map_err(|problems| {
        let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        HandlerError::Config(told.join("; "))
    })?;
    let found = config.stream(group, stream);
    found.cloned().map_err(|error| HandlerError::Config(error.to_string()))
}

/// Keys that are not about checks.
struct Own {
    data: Option<Value>,
    window_seconds: Option<u32>,
}

/// Takes them out: at the root of a document about one stream, or where the stream stands among many.
fn own_keys(document: &mut Value, group: &str, stream: &str) -> Result<Own, String> {
    let of_many = ["groups", group, "streams", stream];
    let is_one = !is_of_many(document);
    let place = if is_one {
        Some(document)
    } else {
        of_many.iter().try_fold(document, |value, key| value.get_mut(key))
    };
    let Some(members) = place.and_then(Value::as_object_mut) else {
        return Ok(Own { data: None, window_seconds: None });
    };
    let data = members.shift_remove("data");
    let window = members.shift_remove("window_s");
    let seconds = |window: Value| {
        let seconds = window.as_u64().and_then(|it| u32::try_from(it).ok()).filter(|it| *it > 0);
        seconds.ok_or("`window_s` is no number of seconds")
    };
    Ok(Own { data, window_seconds: window.map(seconds).transpose()? })
}

fn is_of_many(document: &Value) -> bool {
    document.get("groups").is_some()
}

/// A document about one stream says which.
fn named(mut document: Value, group: &str, stream: &str) -> Value {
    if !is_of_many(&document)
        && let Some(members) = document.as_object_mut()
    {
        members.entry("group").or_insert_with(|| group.into());
        members.entry("stream").or_insert_with(|| stream.into());
    }
    document
}

/// The document without other groups and streams: it travels in the state of an execution.
fn only(document: &Value, group: &str, stream: &str) -> Value {
    let Some(members) = document.as_object().filter(|_| is_of_many(document)) else {
        return document.clone();
    };
    let mut kept = members.clone();
    let mut of_group = document["groups"][group].clone();
    if let Some(members) = of_group.as_object_mut() {
        let of_stream = members.get("streams").and_then(|it| it.get(stream)).cloned();
        let streams: Map<_, _> = of_stream.map(|it| (stream.to_owned(), it)).into_iter().collect();
        members.insert("streams".to_owned(), streams.into());
    }
    kept.insert("groups".to_owned(), json!({ group: of_group }));
    kept.into()
}

/// The streams that have a file, in order. A file that cannot be read is listed by its place: its run tells what is wrong.
///
/// # Errors
/// [`HandlerError::Config`] if there is no such folder, or if two files are about the same stream.
pub(crate) fn all(folder: &Path) -> Result<Vec<Listed>, HandlerError> {
    let mut found = Vec::new();
    list(folder, folder, &mut found)?;
    found.sort_by(|a, b| (&a.group, &a.stream, &a.file).cmp(&(&b.group, &b.stream, &b.file)));
    let same =
        |pair: &&[Listed]| pair[0].group == pair[1].group && pair[0].stream == pair[1].stream;
    if let Some([one, other]) = found.windows(2).find(same) {
        let message = format!(
            "`{}` is about the stream `{}` of the group `{}` too",
            one.file, one.stream, one.group
        );
        return Err(refuse(&folder.join(&other.file), &message));
    }
    Ok(found)
}

fn list(root: &Path, folder: &Path, found: &mut Vec<Listed>) -> Result<(), HandlerError> {
    let unreadable = |error: std::io::Error| {
        let folder = folder.display();
        HandlerError::Config(format!(
            "the folder `{folder}` cannot be read: {error}; `streams` names the folder with the files of the streams"
        ))
    };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            list(root, &path, found)?;
        } else if has_known_ending(&path) {
            found.extend(Listed::of(root, &path));
        }
    }
    Ok(())
}

fn has_known_ending(path: &Path) -> bool {
    let ending = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
    ENDINGS.contains(&ending)
}

impl Listed {
    /// The streams of a file.
    fn of(root: &Path, path: &Path) -> Vec<Self> {
        let file = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
        let (group, stream) = ids_of_place(&file);
        let listed = |group: &str, stream: &str| Self {
            group: group.to_owned(),
            stream: stream.to_owned(),
            file: file.clone(),
        };
        let document = parse(path).unwrap_or_default();
        let Some(groups) = document.get("groups").and_then(Value::as_object) else {
            let id =
                |name: &str, default| document.get(name).and_then(Value::as_str).unwrap_or(default);
            return vec![listed(id("group", &group), id("stream", &stream))];
        };
        let of_group = |(group, it): (&String, &Value)| {
            let streams = it.get("streams").and_then(Value::as_object);
            let names: Vec<_> = streams.into_iter().flat_map(Map::keys).cloned().collect();
            names.into_iter().map(|stream| listed(group, &stream)).collect::<Vec<_>>()
        };
        groups.iter().flat_map(of_group).collect()
    }
}

/// Group and stream of a file that names none: the folder, and the name without its ending.
fn ids_of_place(file: &str) -> (String, String) {
    let path = Path::new(file);
    let folder = path.parent().map(|it| it.to_string_lossy().into_owned());
    let group = folder.filter(|it| !it.is_empty()).unwrap_or_else(|| NO_GROUP.to_owned());
    let stream = path.file_stem().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
    (group, stream)
}

/// The file as JSON: an object.
fn parse(path: &Path) -> Result<Value, HandlerError> {
    let text = fs::read_to_string(path).map_err(|error| refuse(path, &error.to_string()))?;
    let parsed: Value = match path.extension().and_then(|it| it.to_str()) {
        Some("toml") => {
            toml::from_str(&text).map_err(|error| refuse(path, error.to_string().trim_end()))?
        }
        Some("json") => {
            serde_json::from_str(&text).map_err(|error| refuse(path, &error.to_string()))?
        }
        _ => serde_saphyr::from_str(&text).map_err(|error| refuse(path, &error.to_string()))?,
    };
    if parsed.is_object() { Ok(parsed) } else { Err(refuse(path, "it holds no keys")) }
}

fn refuse(path: &Path, what: &str) -> HandlerError {
    HandlerError::Config(format!("`{}`: {what}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn files_name_their_stream_by_their_place_or_by_their_words() {
        let folder = folder(&[
            ("buoys/7-temp.toml", ""),
            ("x.yaml", "group: plants\nstream: kiln/2\n"),
            ("y.yml", "cadence_s: 60\n"),
            ("README.md", "no stream"),
            ("broken/z.toml", "= 3"),
        ]);
        let found = all(folder.path()).unwrap();
        let found: Vec<_> =
            found.iter().map(|it| (it.group.as_str(), it.stream.as_str())).collect();
        let expected =
            [("broken", "z"), ("buoys", "7-temp"), ("default", "y"), ("plants", "kiln/2")];
        assert_eq!(found, expected);
    }

    #[test]
    fn two_files_about_one_stream_are_refused_by_name() {
        let folder = folder(&[("a/s.toml", ""), ("b.toml", "group = \"a\"\nstream = \"s\"")]);
        let error = all(folder.path()).unwrap_err().to_string();
        assert!(error.contains("a/s.toml") && error.contains("b.toml"), "{error}");
    }

    #[test]
    fn what_is_not_about_checks_is_taken_out() {
        let text =
            "window_s = 3600\n[data]\nuri = \"a.csv\"\n[process2.gross_range]\nfail = [0, 1]\n";
        let folder = folder(&[("a/s.toml", text)]);
        let file = StreamFile::find(folder.path(), "a", "s").unwrap().unwrap();
        assert_eq!(file.window_seconds, Some(3600));
        assert_eq!(file.data.unwrap()["uri"], "a.csv");
        let expected =
            json!({"process2": {"gross_range": {"fail": [0, 1]}}, "group": "a", "stream": "s"});
        assert_eq!(file.checks, expected);
    }

    #[test]
    fn a_file_with_many_streams_gives_each_its_own() {
        let text =
            "[groups.g.streams.a]\nwindow_s = 60\n[groups.g.streams.b]\n[groups.h.streams.c]\n";
        let folder = folder(&[("many.toml", text)]);
        let found = all(folder.path()).unwrap();
        let ids: Vec<_> = found.iter().map(|it| (it.group.as_str(), it.stream.as_str())).collect();
        assert_eq!(ids, [("g", "a"), ("g", "b"), ("h", "c")]);
        let file = StreamFile::find(folder.path(), "g", "a").unwrap().unwrap();
        assert_eq!(file.window_seconds, Some(60));
        assert_eq!(file.checks, json!({"groups": {"g": {"streams": {"a": {}}}}}));
    }

    #[test]
    fn a_wrong_file_is_told_with_its_name_and_place() {
        let folder = folder(&[("a/s.toml", "x = = 3"), ("a/t.toml", "window_s = -1")]);
        for (name, stream, expected) in [("a/s.toml", "s", "line 1"), ("a/t.toml", "t", "window_s")]
        {
            let read = StreamFile::read(folder.path(), name, "a", stream);
            let error = read.unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(expected), "{error}");
        }
    }
}
