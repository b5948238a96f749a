//! `cargo xtask clean-ipc`: removes what an interrupted test or bench left behind, and nothing else.
//!
//! Our tests name everything they make `ipc-t-PID-N...`. Such an object is a leftover if no process
//! PID lives. System V objects have keys instead of names: they join here with the first crate that
//! makes them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::step::process::runs;

const PREFIX: &str = "ipc-t-";

/// A folder to look through, and what the system puts before our names in it.
struct Place {
    dir: PathBuf,
    system_prefix: &'static str,
}

/// Removes the leftovers, or only prints them.
pub(crate) fn run(dry_run: bool) -> ExitCode {
    let mut failures = 0;
    let mut found = 0;
    for place in places() {
        for path in leftovers(&place, runs) {
            found += 1;
            if dry_run {
                println!("would remove {}", path.display());
                continue;
            }
            match remove(&path) {
                Ok(()) => println!("removed {}", path.display()),
                Err(error) => {
                    eprintln!("could not remove {}: {error}", path.display());
                    failures += 1;
                }
            }
        }
    }
    if found == 0 {
        println!("nothing left behind");
    }
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Removes what processes that are gone left behind, and the private System V objects that these used
/// last. Tells what it removed.
pub(crate) fn sweep(gone: &[u32]) -> Vec<String> {
    let found = places().into_iter().flat_map(|place| leftovers(&place, runs));
    // What cannot be removed stays; the command says why.
    let files = found.filter(|path| remove(path).is_ok()).map(|path| path.display().to_string());
    let mut removed: Vec<_> = files.collect();
    for (kind, users) in [("msg", ["lspid", "lrpid"]), ("shm", ["cpid", "lpid"])] {
        let table = fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap_or_default();
        for id in private_of(&table, &format!("{kind}id"), users, gone) {
            let flag = if kind == "msg" { "-q" } else { "-m" };
            let status = Command::new("ipcrm").args([flag, &id]).status();
            if status.is_ok_and(|status| status.success()) {
                removed.push(format!("System V {kind} {id}"));
            }
        }
    }
    removed
}

/// The ids of objects without a key that one of these processes used last.
fn private_of(table: &str, id: &str, users: [&str; 2], gone: &[u32]) -> Vec<String> {
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let head = lines.next().unwrap_or_default();
    let column = |name: &str| head.iter().position(|word| *word == name);
    let (Some(key), Some(id)) = (column("key"), column(id)) else { return Vec::new() };
    let users = users.map(column);
    let is_theirs = |line: &Vec<&str>| {
        let pid = |at: Option<usize>| line.get(at?)?.parse::<u32>().ok();
        line.get(key) == Some(&"0")
            && users.iter().any(|at| pid(*at).is_some_and(|pid| gone.contains(&pid)))
    };
    lines.filter(is_theirs).filter_map(|line| Some((*line.get(id)?).to_owned())).collect()
}

fn places() -> Vec<Place> {
    let shm = Path::new("/dev/shm");
    vec![
        Place { dir: shm.to_owned(), system_prefix: "" },
        // glibc keeps the POSIX semaphore `/name` in the file `sem.name`.
        Place { dir: shm.to_owned(), system_prefix: "sem." },
        // Which POSIX queue `name` is in use, the file `ipc-mq.name` tells.
        Place { dir: shm.to_owned(), system_prefix: "ipc-mq." },
        // Empty if the queues are not mounted: then nobody can list them.
        Place { dir: "/dev/mqueue".into(), system_prefix: "" },
        Place { dir: std::env::temp_dir(), system_prefix: "" },
    ]
}

/// What was left in one place by processes that are gone.
fn leftovers(place: &Place, is_alive: impl Fn(u32) -> bool) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(&place.dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_str().and_then(|name| name.strip_prefix(place.system_prefix));
            name.and_then(owner).is_some_and(|pid| !is_alive(pid))
        })
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

/// The process that made an object of this name, if the name is one of ours.
fn owner(name: &str) -> Option<u32> {
    let (pid, rest) = name.strip_prefix(PREFIX)?.split_once('-')?;
    let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    if is_number(pid) && is_number(rest) { pid.parse().ok() } else { None }
}

fn remove(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, leftovers, owner, private_of, remove};
    use crate::scratch::Scratch;
    use crate::step::process::runs;
    use std::fs;

    #[test]
    fn only_our_names_have_an_owner() {
        assert_eq!(owner("ipc-t-12-0"), Some(12));
        assert_eq!(owner("ipc-t-12-3-queue"), Some(12));
        for name in ["ipc-t-12", "ipc-t-12-", "ipc-t--1", "ipc-t-x-1", "ipc-t-1x-1", "ipc-t-+1-1"] {
            assert_eq!(owner(name), None, "{name}");
        }
        for name in ["ipc-x-12-0", "my-ipc-t-12-0", "sem.ipc-t-12-0", "ipc-t-99999999999-0"] {
            assert_eq!(owner(name), None, "{name}");
        }
    }

    #[test]
    fn we_are_alive_and_no_process_has_the_largest_number() {
        assert!(runs(std::process::id()));
        assert!(!runs(u32::MAX));
    }

    #[test]
    fn only_private_objects_of_the_gone_are_theirs() {
        let table = "  key msqid perms cbytes qnum lspid lrpid uid\n\
                     0 11 600 0 0 7 8 0\n0 12 600 0 0 9 10 0\n5 13 600 0 0 7 8 0\n0 14 600 0 0 0 7 0\n";
        let find = |gone: &[u32]| private_of(table, "msqid", ["lspid", "lrpid"], gone);
        assert_eq!(find(&[7]), ["11", "14"]);
        assert!(find(&[]).is_empty() && private_of("", "msqid", ["a", "b"], &[7]).is_empty());
    }

    #[test]
    fn leftovers_of_the_living_and_of_strangers_stay() {
        let dir = Scratch::new("clean").unwrap();
        for name in ["ipc-t-1-0", "ipc-t-2-0", "sem.ipc-t-2-1", "other"] {
            dir.write(name, "").unwrap();
        }
        dir.write("ipc-t-2-5/inner", "").unwrap();
        let names = |system_prefix| {
            let place = Place { dir: dir.path().to_owned(), system_prefix };
            leftovers(&place, |pid| pid == 1)
        };
        assert_eq!(names(""), [dir.path().join("ipc-t-2-0"), dir.path().join("ipc-t-2-5")]);
        assert_eq!(names("sem."), [dir.path().join("sem.ipc-t-2-1")]);

        for path in names("").into_iter().chain(names("sem.")) {
            remove(&path).unwrap();
        }
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().flatten().collect();
        assert_eq!(left.len(), 2);
    }
}
