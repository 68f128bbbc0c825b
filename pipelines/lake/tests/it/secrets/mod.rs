//! No secret is left in any file of the state, in any output and in any event, whatever a source answers.

mod echo;

use std::fs;

use serde_json::json;
use stepwell_pipeline::surroundings::{Aws, Provider, Services};
use stepwell_pipeline::testing::check_no_secret;
use stepwell_sandbox::{mambu, salesforce};

use crate::bench::{Bench, Death, Driving, Execution, each_file};
use crate::{mambu as of_mambu, on_postgres, salesforce as of_salesforce};
use echo::Echo;

/// Nobody listens there.
const NOBODY: &str = "127.0.0.1:9";

/// What comes of both state machines.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ends {
    Well,
    Badly,
    /// Badly, since nobody is there: waits between attempts are passed over.
    Alone,
}

/// Runs both state machines and looks for secrets in all that they leave.
#[track_caller]
fn check_bench(bench: &Bench, secrets: &[&str], ends: Ends) {
    for machine in ["lake", "lake-reconcile"] {
        let mut execution = Execution::begin(machine);
        match ends {
            Ends::Alone => bench.hurry(&mut execution),
            _ => bench.work_on(&mut execution, Driving::default(), Death::Never),
        }
        let is_well = execution.summary["failed"] == 0;
        assert_eq!(is_well, ends == Ends::Well, "{:#}", execution.summary);
        let phase = format!("{:?}", execution.phase());
        for text in [&execution.history, &execution.summary.to_string(), &phase] {
            check_no_secret(text, secrets);
        }
    }
    let mut files = Vec::new();
    each_file(bench.path(), &mut files);
    assert!(files.iter().any(|it| it.ends_with("lake.db")), "{files:?}");
    for path in files {
        let text = fs::read(&path).unwrap();
        check_no_secret(&String::from_utf8_lossy(&text), secrets);
    }
}

#[track_caller]
fn check(settings: &str, secrets: &[&str], ends: Ends) {
    check_bench(&Bench::new(settings), secrets, ends);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_salesforce() {
    let options = salesforce::Options { records: 30, ..Default::default() };
    let sandbox = salesforce::Sandbox::start(options).await.unwrap();
    let (user, password, pem) = (sandbox.username(), sandbox.password(), sandbox.private_key_pem());
    let line = pem.lines().nth(3).unwrap().to_owned();
    let session = "00D000000000001!";
    let secrets = [
        sandbox.client_secret(),
        sandbox.options().password.as_str(),
        line.as_str(),
        session,
        "wr0ng",
    ];
    let echo = Echo::http().await;
    for (flow, secret) in [
        (String::new(), sandbox.client_secret()),
        (
            format!("flow = 'password'\nusername = '{user}'\npassword = '{password}'"),
            password.as_str(),
        ),
        (
            format!("flow = 'jwt-bearer'\nusername = '{user}'\nprivate_key = '''{pem}'''"),
            line.as_str(),
        ),
    ] {
        let settings = of_salesforce::settings(&sandbox, &flow, "mode = 'append'");
        check(&settings, &secrets, Ends::Well);
        check(&settings.replace(secret, "wr0ng&secret"), &secrets, Ends::Badly);
        let login = format!("login_url = '{}'", sandbox.base_url());
        let logged_in = format!("{login}\ninstance_url = '{}'", echo.url());
        check(&settings.replace(&login, &logged_in), &secrets, Ends::Badly);
        for (url, ends) in [(echo.url(), Ends::Badly), (format!("http://{NOBODY}"), Ends::Alone)] {
            let elsewhere = format!("login_url = '{url}'");
            check(&settings.replace(&login, &elsewhere), &secrets, ends);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_mambu() {
    let options =
        mambu::Options { records: 20, api_key: "key+of/mambu==".to_owned(), ..Default::default() };
    let sandbox = mambu::Sandbox::start(options).await.unwrap();
    let echo = Echo::http().await;
    let key = format!("api_key = '{}'", sandbox.api_key());
    let user = format!(
        "username = '{}'\npassword = '{}'",
        sandbox.options().username,
        sandbox.options().password
    );
    let basic = "bGFrZTpzYW5kYm94LXBhc3N3b3Jk";
    let secrets =
        [sandbox.api_key(), &sandbox.options().password, basic, sandbox.audit_key(), "wr0ng"];
    let columns =
        ["key string not null from encodedKey", "modified timestamp from lastModifiedDate"];
    let keys = "key = ['key']\nmode = 'append'\nevent_time = 'modified'";
    let settings = of_mambu::settings(&sandbox, "", "clients", &columns, keys);
    for credentials in [&key, &user] {
        let settings = settings.replace(&key, credentials);
        check(&settings, &secrets, Ends::Well);
        check(
            &settings
                .replace(sandbox.api_key(), "wr0ng")
                .replace(&sandbox.options().password, "wr0ng"),
            &secrets,
            Ends::Badly,
        );
        for (url, ends) in [(echo.url(), Ends::Badly), (format!("http://{NOBODY}"), Ends::Alone)] {
            check(&settings.replace(sandbox.base_url(), &url), &secrets, ends);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_postgresql() {
    let Some((client, url)) = on_postgres::database("secrets").await else { return };
    client.batch_execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1)").await.unwrap();
    let (_, place) = url.split_once("://").unwrap();
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let user = url.split_once("://").unwrap().1.split(['@', ':', '/']).next().unwrap();
    let settings = |place: &str, table: &str| {
        format!(
            "[tables.t]\nsource = 'postgres'\nurl = 'postgres://{user}:hunter%2b2@{place}'\ntable = 'public.{table}'\n\
             columns = ['a int']\nkey = ['a']\n"
        )
    };
    let secrets = ["hunter%2b2", "hunter+2"];
    let echo = Echo::postgres().await;
    check(&settings(place, "t"), &secrets, Ends::Well);
    check(&settings(place, "nothing"), &secrets, Ends::Badly);
    check(&settings(&format!("{}/db", echo.address()), "t"), &secrets, Ends::Badly);
    check(&settings(&format!("{NOBODY}/db"), "t"), &secrets, Ends::Alone);
}

const AWS: [&str; 2] = ["secret-access-key-of-aws", "session+token/of/aws=="];

/// DynamoDB and S3 at this address.
fn at(url: String) -> Services {
    let aws = Aws {
        region: Some("eu-central-1".to_owned()),
        endpoint_url: Some(url),
        access_key_id: Some("AKIAIOSFODNN7EXAMPLE".to_owned().into()),
        secret_access_key: Some(AWS[0].to_owned().into()),
        session_token: Some(AWS[1].to_owned().into()),
        ..Aws::default()
    };
    Services { dynamodb: Provider::Aws, s3: Provider::Aws, aws, ..Services::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_aws() {
    let items = Echo::content(json!({"Items": [{"id": {"S": "a"}}], "Count": 1})).await;
    let echo = Echo::http().await;
    let scan = "[tables.t]\nsource = 'dynamodb'\nread = 'scan'\ntable = 't'\ncolumns = ['id string']\nkey = ['id']\n";
    let export = scan.replace("'scan'", "'export'\nexport = 's3://exports/t'");
    check_bench(&Bench::on(at(items.url()), scan), &AWS, Ends::Well);
    for settings in [scan, &export] {
        for (url, ends) in [(echo.url(), Ends::Badly), (format!("http://{NOBODY}"), Ends::Alone)] {
            check_bench(&Bench::on(at(url), settings), &AWS, ends);
        }
    }
}
