//! A test that cannot run here says so, and the summary of the run can list it.

use std::io::Write as _;

use crate::peer::test_name;

/// Says that this test is skipped and why: `if !cond { return ipc_devkit::skip("needs mqueue") }`.
///
/// The line goes to standard error and, if `IPC_SKIP_LOG` names a file, to the end of that file.
///
/// # Panics
/// If `IPC_REQUIRE=1` is set: then nothing may be skipped. Also if the log cannot be written.
///
/// # Examples
/// ```no_run
/// ipc_devkit::skip("this kernel has no futex_waitv");
/// ```
pub fn skip(reason: &str) {
    let line = format!("{}: {reason}", test_name());
    let required = std::env::var("IPC_REQUIRE").is_ok_and(|value| value == "1");
    assert!(!required, "IPC_REQUIRE=1 forbids to skip {line}");
    eprintln!("skipped {line}");
    if let Some(log) = std::env::var_os("IPC_SKIP_LOG") {
        std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&log)
            .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()))
            .unwrap_or_else(|error| panic!("write to {}: {error}", log.to_string_lossy()));
    }
}
