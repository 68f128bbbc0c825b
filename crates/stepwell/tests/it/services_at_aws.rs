//! Task states that call services of AWS itself, named by `[services]`, at the double.

use serde_json::{Value, json};

use crate::moto::Moto;
use crate::support::{Project, runtime};

const RESOURCE: &str = "arn:aws:states:::aws-sdk:";

#[test]
fn services_that_are_only_at_aws_are_named_one_by_one() {
    let refused = |line: &str| {
        Project::configured(&format!("[services]\n{line}\n")).fails(2, &["pipeline", "list"])
    };
    for (line, says) in [
        ("kms = \"embedded\"", "there is no embedded `kms`"),
        ("kms = \"amazon\"", "unknown value `amazon`"),
        ("ec2 = \"aws\"", "`ec2` cannot be called at AWS: it speaks ec2"),
        ("eventbridge = \"aws\"", "unknown key `eventbridge`"),
        ("kmss = \"aws\"", "unknown key `kmss`"),
    ] {
        let told = refused(line);
        assert!(told.contains(says), "{line}: {told}");
    }
    let fine = "[services]\nkms = \"aws\"\ncostexplorer = \"aws\"\nlambda = \"aws\"\n";
    Project::configured(fine).ok(&["pipeline", "list"]);
}

#[test]
fn keys_objects_and_streams_of_aws_are_reached_from_one_execution() {
    let Some(moto) = Moto::find() else { return };
    runtime().block_on(moto.put_object("at-aws", "in.txt", "hello"));
    let project = Project::configured(&format!(
        "[services]\nkms = \"aws\"\ns3 = \"aws\"\necs = \"aws\"\n\n[services.aws]\nregion = \"{}\"\nendpoint_url = \"{}\"\n\
         access_key_id = \"me\"\nsecret_access_key = \"secret:key\"\n",
        Moto::REGION,
        moto.url
    ));
    project.run_with("very-secret", &["secret", "set", "key"]);
    let task = |action: &str, arguments: Value, next: &str| {
        let next = if next.is_empty() { json!({"End": true}) } else { json!({"Next": next}) };
        let mut state = json!({"Type": "Task", "Resource": format!("{RESOURCE}{action}"), "Arguments": arguments});
        state.as_object_mut().unwrap().extend(next.as_object().unwrap().clone());
        state
    };
    let definition = json!({"QueryLanguage": "JSONata", "StartAt": "Read", "States": {
        "Read": task("s3:getObject", json!({"Bucket": "at-aws", "Key": "in.txt"}), "Key"),
        "Key": task("kms:createKey", json!({"Description": "{% $states.input.Body %}"}), "Write"),
        "Write": task(
            "s3:putObject",
            json!({"Bucket": "at-aws", "Key": "out.txt", "Body": "{% $states.input.KeyMetadata.Description %}"}),
            "List",
        ),
        "List": task("s3:listObjectsV2", json!({"Bucket": "at-aws", "Prefix": "out"}), "Cluster"),
        "Cluster": task("ecs:createCluster", json!({"ClusterName": "{% $states.input.Contents[0].Key %}"}), ""),
    }});
    project.write("all.asl.json", &definition.to_string());
    let output: Value = serde_json::from_str(&project.ok(&["run", "all.asl.json"])).unwrap();
    assert_eq!(output["Cluster"]["ClusterName"], "out.txt");
    assert_eq!(project.files_with("very-secret"), Vec::<String>::new());
}
