//! What the tests of segments share.

use ipc_devkit::scratch;
use ipc_shm::{Error, Segment};

/// A name whose object goes with this, however the test ends.
pub(crate) struct Named(pub(crate) String);

impl Named {
    pub(crate) fn new(tag: &str) -> Self {
        Self(scratch::name(tag))
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        // It may be gone already: that is what some tests are about.
        let _ = Segment::unlink(&self.0);
    }
}

/// Where the object of this name is a file.
pub(crate) fn file(name: &str) -> String {
    format!("/dev/shm/{name}")
}

/// Cuts the file of a named object off.
pub(crate) fn cut(name: &str, len: u64) {
    let opened = std::fs::File::options().write(true).open(file(name)).expect("open the file");
    opened.set_len(len).expect("cut");
}

/// Waits until every keeper of this process sleeps: without the guard, one that looks at its table at the
/// moment of a cut ends the process.
pub(crate) fn until_keepers_sleep() {
    let waitv = format!("{} ", libc::SYS_futex_waitv);
    let awake = || {
        let tasks = std::fs::read_dir("/proc/self/task").expect("list");
        tasks.filter_map(Result::ok).any(|task| {
            let read = |what| std::fs::read_to_string(task.path().join(what)).unwrap_or_default();
            read("comm").trim_end() == "ipc-keeper" && !read("syscall").starts_with(&waitv)
        })
    };
    while awake() {
        std::thread::yield_now();
    }
}

/// The line of `/proc/self/maps` about an address.
pub(crate) fn maps_of(address: usize) -> String {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("maps");
    let line = maps.lines().find(|line| range(line).is_some_and(|range| range.contains(&address)));
    line.expect("it is mapped").to_owned()
}

/// A number of `/proc/self/smaps` about an address, in kB.
pub(crate) fn smaps_field(address: usize, field: &str) -> u64 {
    let smaps = std::fs::read_to_string("/proc/self/smaps").expect("smaps");
    let of_it = |line: &&str| range(line).is_some_and(|range| range.contains(&address));
    let from = smaps.lines().skip_while(|line| !of_it(line));
    let line = from.skip(1).find(|line| line.starts_with(field)).expect("the field");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

fn range(line: &str) -> Option<std::ops::Range<usize>> {
    let (from, to) = line.split(' ').next()?.split_once('-')?;
    Some(usize::from_str_radix(from, 16).ok()?..usize::from_str_radix(to, 16).ok()?)
}

/// The error number of what was refused.
pub(crate) fn errno<T: std::fmt::Debug>(result: Result<T, Error>) -> Option<i32> {
    std::io::Error::from(result.expect_err("refused")).raw_os_error()
}
