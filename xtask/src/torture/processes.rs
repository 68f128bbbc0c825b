//! Processes of functions that outlive a server: whoever kills it must find none.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A process learns that its server is gone by the end of a pipe.
const DEATH_MAX: Duration = Duration::from_secs(10);

/// The command lines that still name the project folder once its server has been dead for a while. Only Linux tells.
pub(super) fn outliving(folder: &Path) -> Vec<String> {
    let since = Instant::now();
    loop {
        let alive = command_lines(&folder.display().to_string());
        if alive.is_empty() || since.elapsed() > DEATH_MAX {
            return alive.into_iter().map(|it| format!("outlives its server: {it}")).collect();
        }
        sleep(Duration::from_millis(50));
    }
}

fn command_lines(naming: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let command = |process: std::fs::DirEntry| std::fs::read(process.path().join("cmdline")).ok();
    let commands = processes.filter_map(command);
    let commands = commands.map(|it| String::from_utf8_lossy(&it).replace('\0', " "));
    commands.filter(|it| it.contains(naming)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_is_found_by_the_folder_it_was_started_for() {
        let folder = tempfile::tempdir().unwrap();
        let naming = folder.path().display().to_string();
        assert_eq!(command_lines(&naming), [""; 0]);
        let mut process = Command::new("sh");
        let process = process.args(["-c", "echo started; read line", "sh", &naming]);
        let mut process = process.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // Linux lets `spawn` return before the command line of the new process can be read.
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
        assert_eq!(command_lines(&naming).len(), 1);
        drop(process.stdin.take());
        process.wait().unwrap();
        assert_eq!(command_lines(&naming), [""; 0]);
    }
}
