//! Connections that are held open, with little or nothing said on them.

use std::io::Write as _;
use std::net::TcpStream;

use super::{Target, ended, of_states};

/// Connections that do nothing, where the system lets a process have so many.
const IDLE: usize = 10_000;

/// Files of this process and of the server besides: half of the server's are not for connections.
const RESERVED: usize = 500;

/// How many connections can be idle here; says so if those are fewer than wanted.
pub(super) fn possible() -> usize {
    let files = rlimit::increase_nofile_limit(4 * IDLE as u64).unwrap();
    let possible = IDLE.min((usize::try_from(files).unwrap() - RESERVED) / 2);
    if possible < IDLE {
        let _ = writeln!(
            std::io::stderr(),
            "\n{possible} idle connections, not {IDLE}: a process may open {files} files here\n"
        );
    }
    possible
}

/// So many connections, and not a word on any. All are closed: for others that come, or after a while.
pub(super) fn idle(target: &Target, count: usize) {
    let mut streams: Vec<_> = (0..count).map(|_| target.connect()).collect();
    for stream in &mut streams {
        assert_eq!(ended(stream), None, "nobody asked");
    }
}

/// Heads and bodies that come byte by byte, one for each execution that ends meanwhile, and then no more.
pub(super) fn slow(target: &Target) {
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n{}content-length: 1000\r\n\r\n",
        target.address,
        target.token,
        of_states("ListStateMachines")
    );
    let mut heads: Vec<_> = (0..25).map(|_| target.connect()).collect();
    let mut bodies: Vec<_> = (0..25).map(|_| target.connect()).collect();
    for stream in &mut bodies {
        stream.write_all(head.as_bytes()).unwrap();
    }
    for byte in &head.as_bytes()[..60] {
        target.one_more();
        let write = |stream: &mut TcpStream, byte: u8| stream.write_all(&[byte]).ok();
        let sent = heads.iter_mut().filter_map(|stream| write(stream, *byte)).count();
        let sent = sent + bodies.iter_mut().filter_map(|stream| write(stream, b' ')).count();
        if sent == 0 {
            break;
        }
    }
    for stream in heads.iter_mut().chain(&mut bodies) {
        let refused = ended(stream).is_none_or(|(status, _)| status >= 400);
        assert!(refused, "a request that never ended was served");
    }
}
