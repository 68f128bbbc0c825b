//! The services of AWS that Task states call as `arn:aws:states:::aws-sdk:SERVICE:ACTION`, with their actions and members:
//! `models/services.txt`, written by `models/generate.py` from the service models in botocore.
//!
//! ```text
//! @kms json kms kms TrentService 1.1 Capital -|KMS
//! ! NotFoundException ...
//! #blob Plaintext ...
//! Encrypt KeyId Plaintext ...
//! ```
//!
//! | Line | Has |
//! | --- | --- |
//! | `@` | the name in resources, the protocol, and of those that speak JSON: the first part of the host's name, what is signed for, what precedes the operation, the version, how members begin on the wire, and of one that has one address for all regions that and its region; then the service id |
//! | `!` | the errors |
//! | `#blob`, `#time`, `#map` | members of structures that hold bytes, instants, maps |
//! | `#plain` | those that hold none of these where others of the name do |
//! | `#same` | members that are spelled as on the wire everywhere |
//! | `#sent` | how members are sent, where it does not follow from how definitions spell them: `DbName=DBName` |
//! | other | an action and its members |
//!
//! A member that means something else somewhere stands there with what holds it: another member, or what is sent with an
//! action (`TagResources.Tags`) or answered (`GetMetrics>.Metrics`); where that is not enough, with what holds that, too. The
//! values of a map are its member `*`, and what they hold is held by `NAME*`.
//!
//! Definitions and results spell members as AWS's SDK for Java does, with a capital letter.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, OnceLock};

static TEXT: &str = include_str!("../../models/services.txt");

type Names = BTreeSet<&'static str>;

/// A service of AWS.
#[derive(Debug)]
pub struct Model {
    /// In resources: `cloudwatchlogs`.
    pub name: &'static str,
    /// `CloudWatch Logs`
    pub id: &'static str,
    /// `json`, `rest-json`, `rest-xml`, `query`, `ec2`, `smithy-rpc-v2-cbor`
    pub protocol: &'static str,
    /// How it is called, if it speaks JSON.
    pub json: Option<Json>,
    /// Its errors, as it names them.
    pub errors: Vec<&'static str>,
    /// Its actions; of services with other protocols those are known that are embedded.
    pub actions: BTreeMap<&'static str, Vec<&'static str>>,
    blobs: Names,
    times: Names,
    maps: Names,
    plain: Names,
    same: Names,
    sent: BTreeMap<&'static str, &'static str>,
}

/// How a service that speaks JSON is called.
#[derive(Debug, Clone, Copy)]
pub struct Json {
    /// The first part of the host's name: `api.ecr`.
    pub host: &'static str,
    /// What requests are signed for: `ecr`.
    pub signing_name: &'static str,
    /// What precedes the operation in `X-Amz-Target`.
    pub target_prefix: &'static str,
    /// `1.0` or `1.1`
    pub version: &'static str,
    /// Host and region of a service that is one for all regions.
    pub global: Option<(&'static str, &'static str)>,
    /// Whether its members begin with a capital letter on the wire.
    is_capital: bool,
}

/// What a member holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A structure, a list, a text, a number.
    Plain,
    /// Bytes: Base64 on the wire, text in definitions.
    Blob,
    /// An instant: seconds on the wire, text in definitions.
    Time,
    /// A map, whose keys are data.
    Map,
}

/// Where a member stands.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    /// What holds the holder; empty for an action.
    pub(super) outer: &'a str,
    /// What holds the member.
    pub(super) holder: &'a str,
}

impl<'a> At<'a> {
    /// Among what is sent with an action or, of `Encrypt>`, what is answered.
    pub fn action(action: &'a str) -> Self {
        Self { outer: "", holder: action }
    }

    /// Among what the member holds that is sent by this name.
    pub(super) fn within<'b>(&self, member: &'b str) -> At<'b>
    where
        'a: 'b,
    {
        At { outer: self.holder, holder: member }
    }

    /// How a member that stands here may be told, the most precise first.
    fn places(&self, member: &str) -> [String; 3] {
        let Self { outer, holder } = self;
        [format!("{outer}.{holder}.{member}"), format!("{holder}.{member}"), member.to_owned()]
    }
}

/// The service of a name in resources.
pub fn find(name: &str) -> Option<&'static Model> {
    static MODELS: LazyLock<BTreeMap<&str, (&str, OnceLock<Model>)>> = LazyLock::new(|| {
        let blocks = TEXT.split("\n@").skip(1);
        blocks.map(|block| (first_word(block), (block, OnceLock::new()))).collect()
    });
    let (block, model) = MODELS.get(name)?;
    Some(model.get_or_init(|| Model::read(block)))
}

fn first_word(text: &'static str) -> &'static str {
    text.split([' ', '|']).next().unwrap_or(text)
}

impl Model {
    fn read(block: &'static str) -> Self {
        let (header, lines) = block.split_once('\n').unwrap_or((block, ""));
        let (words, id) = header.split_once('|').expect("a header ends with the service id");
        let words: Vec<_> = words.split(' ').collect();
        let listed = |tag: &str| {
            let line = lines.lines().find_map(|line| line.strip_prefix(tag)?.strip_prefix(' '));
            line.unwrap_or_default().split_whitespace()
        };
        let actions = lines.lines().filter(|line| !line.starts_with(['!', '#'])).map(|line| {
            let mut names = line.split(' ');
            (names.next().unwrap_or_default(), names.collect())
        });
        Self {
            name: words[0],
            id,
            protocol: words[1],
            json: Json::read(&words[2..]),
            errors: listed("!").collect(),
            actions: actions.collect(),
            blobs: listed("#blob").collect(),
            times: listed("#time").collect(),
            maps: listed("#map").collect(),
            plain: listed("#plain").collect(),
            same: listed("#same").collect(),
            sent: listed("#sent").filter_map(|pair| pair.split_once('=')).collect(),
        }
    }

    /// Before the names of its errors: `Kms`, `CloudWatchLogs`, `DynamoDb`.
    pub fn client_name(&self) -> String {
        let mut name = String::new();
        let id = self.id.strip_suffix(" Service").unwrap_or(self.id);
        let characters: Vec<_> = id.chars().collect();
        for (at, character) in characters.iter().enumerate() {
            let before = at.checked_sub(1).map(|at| characters[at]);
            let after = characters.get(at + 1);
            let begins = match before {
                None => true,
                Some(before) if !before.is_alphanumeric() || before.is_lowercase() => true,
                Some(before) => before.is_uppercase() && after.is_some_and(|it| it.is_lowercase()),
            };
            match character {
                it if !it.is_alphanumeric() => {}
                it if it.is_uppercase() && !begins => name.push(it.to_ascii_lowercase()),
                it if begins && at == 0 => name.push(it.to_ascii_uppercase()),
                it => name.push(*it),
            }
        }
        name
    }

    /// How definitions and results spell a member: `LogGroupName` for `logGroupName`, `DbName` for `DBName`.
    pub(super) fn spelled(&self, sent: &str) -> String {
        if self.same.contains(sent) {
            return sent.to_owned();
        }
        let run = sent.bytes().take_while(u8::is_ascii_uppercase).count();
        if run < 2 {
            return upper(sent);
        }
        // The last capital of a run begins the next word.
        let next = sent.as_bytes().get(run);
        let end = if next.is_some_and(u8::is_ascii_lowercase) { run - 1 } else { run };
        format!("{}{}{}", &sent[..1], sent[1..end].to_ascii_lowercase(), &sent[end..])
    }

    /// How a member is sent that a definition spells so, or as it is sent, with a capital letter.
    pub fn sent(&self, at: At<'_>, name: &str) -> String {
        if self.same.contains(name) {
            return name.to_owned();
        }
        let spelled = self.spelled(name);
        match at.places(&spelled).iter().find_map(|place| self.sent.get(&**place)) {
            Some(sent) => (*sent).to_owned(),
            None if self.json.is_some_and(|json| !json.is_capital) => lower(&spelled),
            None => spelled,
        }
    }

    /// What the member holds that is sent by this name.
    pub(super) fn kind(&self, at: At<'_>, sent: &str) -> Kind {
        let kind = |place: &String| self.tagged().find(|(names, _)| names.contains(&**place));
        at.places(sent).iter().find_map(kind).map_or(Kind::Plain, |(_, kind)| kind)
    }

    fn tagged(&self) -> impl Iterator<Item = (&Names, Kind)> {
        let (blobs, times) = ((&self.blobs, Kind::Blob), (&self.times, Kind::Time));
        [blobs, times, (&self.maps, Kind::Map), (&self.plain, Kind::Plain)].into_iter()
    }

    /// The members of an action, by its name as the service or a definition has it: `SendMessage`, `sendMessage`.
    pub fn members(&self, action: &str) -> Option<&[&'static str]> {
        self.actions.get(&*upper(action)).map(Vec::as_slice)
    }

    /// Whether AWS knows a member of an action, by the name that a definition gives it.
    pub fn knows(&self, action: &str, member: &str) -> bool {
        let is_capital = member.starts_with(|it: char| it.is_ascii_uppercase());
        let members = self.actions.get(action);
        members.is_none_or(|known| is_capital && known.contains(&&*self.spelled(member)))
    }
}

impl Json {
    fn read(words: &[&'static str]) -> Option<Self> {
        let [host, signing_name, target_prefix, version, case, global] = words else { return None };
        let global = global.split_once('/');
        let is_capital = *case == "Capital";
        Some(Self { host, signing_name, target_prefix, version, global, is_capital })
    }
}

/// `SendMessage` for `sendMessage`.
pub(crate) fn upper(name: &str) -> String {
    with_first(name, char::to_ascii_uppercase)
}

/// `sendMessage` for `SendMessage`.
pub(crate) fn lower(name: &str) -> String {
    with_first(name, char::to_ascii_lowercase)
}

fn with_first(name: &str, case: impl Fn(&char) -> char) -> String {
    let mut characters = name.chars();
    characters.next().iter().map(case).chain(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str) -> &'static Model {
        find(name).unwrap()
    }

    #[test]
    fn every_service_of_the_table_can_be_read() {
        let names: Vec<_> = TEXT.split("\n@").skip(1).map(first_word).collect();
        assert!(names.len() > 400, "{}", names.len());
        for name in names {
            let model = model(name);
            assert_eq!(model.protocol == "json", model.json.is_some(), "{name}");
            assert!(model.json.is_none() || !model.actions.is_empty(), "{name}");
            assert_eq!(model.client_name().to_lowercase(), model.name);
        }
        assert!(find("nothing").is_none());
    }

    #[test]
    fn clients_are_called_as_in_the_sdk_for_java() {
        let names = ["kms", "dynamodb", "cloudwatchlogs", "sfn", "acmpca", "wafv2", "cloudhsmv2"];
        let names = names.map(|name| model(name).client_name());
        let expected =
            ["Kms", "DynamoDb", "CloudWatchLogs", "Sfn", "AcmPca", "Wafv2", "CloudHsmV2"];
        assert_eq!(names, expected);
    }

    #[test]
    fn members_are_sent_as_the_service_names_them() {
        assert_eq!(
            model("cloudwatchlogs").sent(At::action("CreateLogGroup"), "LogGroupName"),
            "logGroupName"
        );
        assert_eq!(
            model("dynamodb").sent(At::action("CreateTable"), "SseSpecification"),
            "SSESpecification"
        );
        assert_eq!(
            model("dynamodb").sent(At::action("CreateTable"), "SSESpecification"),
            "SSESpecification"
        );
        assert_eq!(model("dynamodb").sent(At::action("PutItem"), "BOOL"), "BOOL");
        assert_eq!(model("kms").sent(At::action("Encrypt"), "KeyId"), "KeyId");
        assert_eq!(model("secretsmanager").spelled("ARN"), "Arn");
    }

    #[test]
    fn members_are_known_by_the_spelling_of_definitions() {
        let kms = model("kms");
        assert!(kms.knows("Encrypt", "KeyId") && !kms.knows("Encrypt", "keyId"));
        assert!(!kms.knows("Encrypt", "CiphertextBlob"));
        assert!(model("ecs").knows("RunTask", "LaunchType"));
    }
}
