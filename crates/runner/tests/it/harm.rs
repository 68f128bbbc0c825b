//! A function that misbehaves harms nobody else: each time another one is called and answers.

use std::path::Path;

use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::support::{ECHO, Fixture, error_of};

/// A runner with a function that behaves.
async fn with_neighbour() -> Fixture {
    let fixture = Fixture::new().await;
    fixture.python("neighbour", ECHO).await;
    fixture
}

async fn assert_unharmed(fixture: &Fixture) {
    assert_eq!(fixture.call("neighbour", r#"{"a":1}"#).await, json!({"a": 1}));
}

#[tokio::test]
async fn garbage_on_its_streams_is_log() {
    let fixture = with_neighbour().await;
    let source = "import os\ndef handler(event, context):\n    os.write(1, b'\\xff\\x00{\"errorType\":1}\\nEND RequestId: x\\n')\n    os.write(2, bytes(range(256)))\n    return 'fine'\n";
    fixture.python("garbage", source).await;
    let invoked = fixture.invoke("garbage", "{}").await;
    assert_eq!(Fixture::returned(&invoked), json!("fine"));
    assert!(invoked.log_tail.windows(2).any(|pair| pair == b"\xff\x00"));
    assert_unharmed(&fixture).await;
}

/// What a process has written before it answered is in the tail of the invocation, and not in that of the next.
#[tokio::test]
async fn each_tail_has_its_own_lines() {
    let fixture = Fixture::new().await;
    let source = "def handler(event, context):\n    print('said', event)\n    return event\n";
    fixture.python("says", source).await;
    for number in 0..50 {
        let invoked = fixture.invoke("says", &number.to_string()).await;
        let tail = String::from_utf8(invoked.log_tail).unwrap();
        let lines: Vec<_> = tail.lines().collect();
        assert_eq!(lines.len(), 4, "{tail}");
        assert_eq!(lines[1], format!("said {number}"));
    }
}

#[tokio::test]
async fn a_flood_of_log_is_cut() {
    let fixture = with_neighbour().await;
    let source = "import sys\ndef handler(event, context):\n    for _ in range(300):\n        sys.stdout.write('x' * 100000 + '\\n')\n    return 'dry'\n";
    fixture.python("floods", source).await;
    let invoked = fixture.invoke("floods", "{}").await;
    assert_eq!(Fixture::returned(&invoked), json!("dry"));
    assert_eq!(invoked.log_tail.len(), 4096);
    let log = fixture.log("floods");
    assert!(log.len() < 5 << 20, "{}", log.len());
    assert!(log.contains("beyond the share of one invocation were dropped"));
    assert!(log.contains("REPORT RequestId: "));
    assert_unharmed(&fixture).await;
}

/// Lets a function fork, with `apart` done in the child, and then hang. Returns once the child has ended.
async fn fork_and_hang(fixture: &Fixture, apart: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let source = format!(
        "import os, socket, time\ndef handler(event, context):\n    if os.fork() == 0:\n        {apart}\n        held = socket.create_connection(('127.0.0.1', event))\n        time.sleep(600)\n    time.sleep(600)\n"
    );
    fixture.changed("forks", &source, |function| function.timeout_seconds = 2).await;
    let port = listener.local_addr().unwrap().port().to_string();
    let (invoked, accepted) = tokio::join!(fixture.invoke("forks", &port), listener.accept());
    assert_eq!(error_of(&invoked).0, "Sandbox.Timedout");
    // The connection ends with the child, and with nothing else.
    let read = accepted.unwrap().0.read(&mut [0]).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

#[tokio::test]
async fn what_it_forked_ends_with_it() {
    let fixture = with_neighbour().await;
    if !fixture.has_namespaces().await {
        return;
    }
    fork_and_hang(&fixture, "os.setsid()").await;
    assert_unharmed(&fixture).await;
}

#[tokio::test]
async fn what_is_covered_stays_covered() {
    let fixture = Fixture::new().await;
    if !fixture.has_namespaces().await {
        return;
    }
    let source = "import os, subprocess\ndef handler(event, context):\n    state = event\n    subprocess.run(['umount', state])\n    subprocess.run(['mount', '-o', 'remount,bind,rw', '/var/task'])\n    try:\n        open('/var/task/more', 'w')\n    except OSError as error:\n        return [error.strerror, os.access(state + '/functions', os.F_OK)]\n";
    fixture.python("digs", source).await;
    let state = fixture.folder.path().join(".stepwell").display().to_string();
    let dug = fixture.call("digs", &json!(state).to_string()).await;
    assert_eq!(dug, json!(["Read-only file system", false]));
}

#[tokio::test]
async fn without_namespaces_the_group_ends() {
    let fixture = Fixture::without_namespaces().await;
    fixture.python("neighbour", ECHO).await;
    fork_and_hang(&fixture, "pass").await;
    assert_unharmed(&fixture).await;
}

#[tokio::test]
async fn without_namespaces_tmp_is_a_folder_that_goes() {
    let fixture = Fixture::without_namespaces().await;
    let source =
        "import tempfile\ndef handler(event, context):\n    return tempfile.gettempdir()\n";
    fixture.python("one", source).await;
    fixture.python("two", source).await;
    let (one, two) = (fixture.call("one", "{}").await, fixture.call("two", "{}").await);
    assert_ne!(one, two);
    assert!(Path::new(one.as_str().unwrap()).is_dir());
    drop(fixture);
    assert!(!Path::new(one.as_str().unwrap()).exists());
}

#[tokio::test]
async fn memory_has_an_end() {
    let fixture = with_neighbour().await;
    let source = "def handler(event, context):\n    hoard = []\n    while True:\n        hoard.append(bytearray(b'x' * 1000000))\n";
    fixture.python("hoards", source).await;
    let invoked = fixture.invoke("hoards", "{}").await;
    let message = "RequestId: ID Error: Runtime exited with error: signal: killed";
    assert_eq!(error_of(&invoked), ("Runtime.ExitError".to_owned(), message.to_owned()));
    assert_unharmed(&fixture).await;
}

#[tokio::test]
async fn a_file_has_an_end() {
    let fixture = with_neighbour().await;
    let source = "import tempfile\ndef handler(event, context):\n    try:\n        with tempfile.NamedTemporaryFile(buffering=0) as file:\n            file.truncate(600 << 20)\n            file.seek(600 << 20)\n            file.write(b'x')\n    except OSError as error:\n        return error.strerror\n";
    fixture.python("fills", source).await;
    assert_eq!(fixture.call("fills", "{}").await, json!("File too large"));
    assert_unharmed(&fixture).await;
}

#[tokio::test]
async fn open_files_have_an_end() {
    let fixture = with_neighbour().await;
    let source = "def handler(event, context):\n    held = []\n    try:\n        while True:\n            held.append(open('/dev/null'))\n    except OSError as error:\n        return [error.strerror, 900 < len(held) < 1024]\n";
    fixture.python("opens", source).await;
    assert_eq!(fixture.call("opens", "{}").await, json!(["Too many open files", true]));
    assert_unharmed(&fixture).await;
}

#[tokio::test]
async fn a_second_answer_is_refused() {
    let fixture = with_neighbour().await;
    let source = "
import http.client, json, os
answers = []
def handler(event, context):
    api = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])
    for _ in range(2):
        api.request('POST', '/2018-06-01/runtime/invocation/' + context.aws_request_id + '/response', '\"early\"')
        answer = api.getresponse()
        answers.append([answer.status, json.loads(answer.read()).get('errorType')])
    return answers
";
    let asks = format!(
        "{source}\ntwice = handler\ndef handler(event, context):\n    return answers if event == 'ask' else twice(event, context)\n"
    );
    fixture.python("twice", &asks).await;
    assert_eq!(fixture.call("twice", "{}").await, json!("early"));
    // The third answer, by the runtime, is refused too; the process goes on and tells what it was told.
    let told = json!([[202, null], [400, "InvalidRequestID"]]);
    assert_eq!(fixture.call("twice", "\"ask\"").await, told);
    assert_unharmed(&fixture).await;
}

#[tokio::test]
async fn a_crash_while_idle_is_not_noticed() {
    let fixture = with_neighbour().await;
    let gate = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let source = "import os, socket, threading\ndef crash(port):\n    socket.create_connection(('127.0.0.1', port)).recv(1)\n    os._exit(1)\ndef handler(event, context):\n    threading.Thread(target=crash, args=[event], daemon=True).start()\n    return os.environ['AWS_LAMBDA_LOG_STREAM_NAME']\n";
    fixture.python("fades", source).await;
    let port = gate.local_addr().unwrap().port().to_string();
    let first = fixture.call("fades", &port).await;
    drop(gate.accept().await.unwrap());
    let mut second = first.clone();
    while second == first {
        // As long as the first process lives it may answer; once it is gone a new one does.
        let invoked = fixture.invoke("fades", &port).await;
        if invoked.error_type.is_none() {
            second = Fixture::returned(&invoked);
        }
    }
    assert_unharmed(&fixture).await;
}

#[tokio::test]
async fn programs_of_the_function_start_nothing() {
    let fixture = with_neighbour().await;
    let files = [
        (
            "handler.py",
            "import os\ndef handler(event, context):\n    return [os.environ['PATH'], os.environ['LD_PRELOAD'], os.environ['UID_OF'], 'NAMES' in os.environ]\n",
        ),
        ("nice", "#!/bin/sh\nexit 7\n"),
        ("setpriv", "#!/bin/sh\nexit 7\n"),
    ];
    let mut function = crate::support::function("own-path", "python3.12", "handler.handler");
    let own = [("PATH", "/var/task"), ("LD_PRELOAD", "none.so"), ("UID_OF", "a 'b' \"c\" $d\n")];
    function.environment = own.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    fixture.runner.create(function, crate::support::package(&files)).await.unwrap();
    let told = fixture.call("own-path", "{}").await;
    assert_eq!(told, json!(["/var/task", "none.so", "a 'b' \"c\" $d\n", false]));
    assert_unharmed(&fixture).await;
}

#[tokio::test]
async fn memory_that_is_shared_counts() {
    let fixture = with_neighbour().await;
    let source = "import mmap\ndef handler(event, context):\n    held = mmap.mmap(-1, 400 << 20)\n    for at in range(0, 400 << 20, 4096):\n        held[at] = 1\n    __import__('time').sleep(600)\n";
    fixture.changed("shares", source, |function| function.memory_mb = 128).await;
    let (error, message) = error_of(&fixture.invoke("shares", "{}").await);
    assert_eq!(error, "Runtime.ExitError");
    assert_eq!(message, "RequestId: ID Error: Runtime exited with error: signal: killed");
    assert_unharmed(&fixture).await;
}

#[tokio::test]
async fn what_grows_between_invocations_is_ended() {
    let fixture = with_neighbour().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let source = "import socket, threading, time\nheld = []\ndef grow(port):\n    held.append(socket.create_connection(('127.0.0.1', port)))\n    held.append(bytearray(b'x') * (300 << 20))\n    time.sleep(600)\ndef handler(event, context):\n    threading.Thread(target=grow, args=[event], daemon=True).start()\n    return 'done'\n";
    fixture.changed("grows", source, |function| function.memory_mb = 128).await;
    let port = listener.local_addr().unwrap().port().to_string();
    let (invoked, accepted) = tokio::join!(fixture.invoke("grows", &port), listener.accept());
    drop(invoked);
    let read = accepted.unwrap().0.read(&mut [0]).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    assert_unharmed(&fixture).await;
}

#[tokio::test]
async fn what_is_shared_between_functions_is_not_there() {
    let fixture = Fixture::new().await;
    if !fixture.has_namespaces().await {
        return;
    }
    let source = "import os\ndef handler(event, context):\n    there = os.listdir('/dev/shm')\n    open('/dev/shm/left', 'w').close()\n    return there\n";
    for name in ["first", "second"] {
        fixture.python(name, source).await;
        assert_eq!(fixture.call(name, "{}").await, json!([]), "{name}");
    }
}

/// Without namespaces: the function kills what would have killed it.
#[tokio::test]
async fn a_group_ends_without_its_watcher() {
    let fixture = Fixture::without_namespaces().await;
    fork_and_hang(&fixture, "os.system('pkill -KILL -P ' + str(os.getppid()) + ' -x sh')").await;
}
