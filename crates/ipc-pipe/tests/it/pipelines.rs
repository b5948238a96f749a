//! Pipelines: every status, no process or descriptor left, whatever the stages do.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ipc_devkit::{alone, fault, scratch};
use ipc_pipe::{Error, Pipeline};

const SIGPIPE: i32 = 13;
const SIGSTOP: i32 = 19;
const LONG: Duration = Duration::from_secs(60);

/// A stage that runs a line of shell.
fn sh(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]);
    command
}

/// Runs `body` alone and checks that no child of it is left, running or dead.
fn with_no_child_left(name: &str, body: impl FnOnce()) {
    alone(name, || {
        body();
        let options = rustix::process::WaitOptions::NOHANG;
        let left = rustix::process::wait(options);
        assert!(matches!(left, Err(rustix::io::Errno::CHILD)), "a child is left: {left:?}");
    });
}

/// What an error says about which stage, and the error below.
fn stage(error: Error) -> (usize, String, Error) {
    match error {
        Error::Stage { index, program, error } => (index, program, *error),
        error => panic!("names no stage: {error}"),
    }
}

#[test]
fn every_status_comes_back() {
    with_no_child_left("pipelines::every_status_comes_back", || {
        let done = Pipeline::new(sh("echo one; exit 3"))
            .pipe(sh("cat; exit 0"))
            .pipe(sh("cat; kill -9 $$"))
            .output()
            .expect("run");
        assert_eq!(done.output, b"one\n");
        let codes: Vec<_> =
            done.stages.iter().map(|s| (s.status.code(), s.status.signal())).collect();
        assert_eq!(codes, [(Some(3), None), (Some(0), None), (None, Some(9))]);
        assert!(!done.success());
        assert_eq!(done.first_failure().expect("failed").0, 0);
        let (index, program, error) = stage(done.check().expect_err("pipefail"));
        assert_eq!((index, program.as_str()), (0, "sh"));
        assert!(matches!(error, Error::Failed { status } if status.code() == Some(3)));
    });
}

#[test]
fn input_and_output_are_what_one_likes() {
    with_no_child_left("pipelines::input_and_output_are_what_one_likes", || {
        let dir = scratch::dir();
        let path = dir.path().join("file");
        fs::write(&path, "from a file\n").expect("write");
        let from_file = Pipeline::new(Command::new("cat"))
            .input_file(File::open(&path).expect("open"))
            .output()
            .expect("run");
        assert_eq!(from_file.output, b"from a file\n");
        let mut sink = Vec::new();
        let text = "read ".repeat(100_000);
        let done = Pipeline::new(Command::new("cat"))
            .pipe(Command::new("cat"))
            .input_from(text.as_bytes())
            .output_to(&mut sink)
            .run()
            .expect("run");
        assert!(done.success() && !done.unread_input && sink == text.as_bytes());
        Pipeline::new(Command::new("tr").args(["a-z", "A-Z"]))
            .input("bytes".as_bytes())
            .output_file(File::create(&path).expect("create"))
            .run()
            .expect("run");
        assert_eq!(fs::read(&path).expect("read"), b"BYTES");
        let nothing = Pipeline::new(Command::new("cat")).output().expect("run");
        assert!(nothing.output.is_empty(), "the first stage has nothing to read");
    });
}

/// Feeding and draining in one thread: neither side can wait for the other for ever.
#[test]
fn gigabytes_do_not_lock_up() {
    const LEN: u64 = 1 << 30;
    with_no_child_left("pipelines::gigabytes_do_not_lock_up", || {
        ipc_devkit::watchdog::limit(LONG);
        let mut count = Count(0);
        let done = Pipeline::new(Command::new("cat"))
            .pipe(Command::new("cat"))
            .input_from(std::io::repeat(7).take(LEN))
            .output_to(&mut count)
            .capacity(1 << 20)
            .run()
            .expect("run");
        assert!(done.success());
        assert_eq!(count.0, LEN);
        assert_eq!(threads(), 1);
    });
    struct Count(u64);
    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}

/// Threads of this process besides the one that runs the test harness.
fn threads() -> usize {
    fs::read_dir("/proc/self/task").expect("list").count() - 1
}

/// SIGPIPE has its default action in the stages, though we ignore it, and is no failure of theirs.
#[test]
fn a_stage_that_writes_in_vain_dies_of_sigpipe() {
    with_no_child_left("pipelines::a_stage_that_writes_in_vain_dies_of_sigpipe", || {
        let done = Pipeline::new(Command::new("yes"))
            .pipe(Command::new("cat"))
            .pipe(Command::new("head").arg("-1"))
            .output()
            .expect("run");
        assert_eq!(done.output, b"y\n");
        assert_eq!(done.had_enough(), [0, 1]);
        assert!(done.stages[0].died_of_sigpipe() && done.success());
        assert_eq!(done.stages[0].status.signal(), Some(SIGPIPE));
        // The last one has nobody behind it.
        let done = Pipeline::new(sh("kill -13 $$")).output().expect("run");
        assert_eq!(done.first_failure().expect("failed").0, 0);
    });
}

#[test]
fn lines_come_while_the_pipeline_runs() {
    with_no_child_left("pipelines::lines_come_while_the_pipeline_runs", || {
        let (reader, mut writer) = ipc_pipe::pipe().expect("create");
        let mut lines =
            Pipeline::new(Command::new("cat")).input_file(reader).lines().expect("start");
        for number in 0..3 {
            writeln!(writer, "line {number}").expect("write");
            let line = lines.next().expect("a line").expect("read");
            assert_eq!(line, format!("line {number}"));
        }
        write!(writer, "\nno end").expect("write");
        drop(writer);
        assert_eq!(lines.next_line().expect("read"), Some(&b""[..]));
        assert_eq!(lines.next_line().expect("read"), Some(&b"no end"[..]));
        assert!(lines.next().is_none() && lines.next().is_none());
        assert!(lines.finish().expect("finish").success());
    });
}

#[test]
fn lines_of_any_length_are_whole() {
    with_no_child_left("pipelines::lines_of_any_length_are_whole", || {
        let text: Vec<u8> =
            (0..300).flat_map(|n| vec![b'x'; n * n].into_iter().chain([b'\n'])).collect();
        let mut lines = Pipeline::new(Command::new("cat")).input(text).lines().expect("start");
        for n in 0..300 {
            assert_eq!(lines.next_line().expect("read").map(<[u8]>::len), Some(n * n));
        }
        assert!(lines.next_line().expect("end").is_none());
        drop(lines);
        let mut lines =
            Pipeline::new(Command::new("yes")).pipe(sh("tr -d '\\n'")).limit(100_000).lines();
        let (index, _, error) =
            stage(lines.as_mut().expect("start").next_line().expect_err("too long"));
        assert!(index == 1 && matches!(error, Error::MessageTooLong { .. }), "{error}");
        let mut lines = Pipeline::new(sh("printf 'a\\377\\nb\\n'")).lines().expect("start");
        assert!(matches!(lines.next(), Some(Err(Error::Os { .. }))), "not UTF-8");
        assert!(matches!(lines.next(), Some(Ok(line)) if line == "b"));
    });
}

#[test]
fn lines_that_are_dropped_leave_nothing() {
    with_no_child_left("pipelines::lines_that_are_dropped_leave_nothing", || {
        let mut lines = Pipeline::new(Command::new("yes"))
            .pipe(sh("cat; exec sleep 1000"))
            .lines()
            .expect("start");
        assert_eq!(lines.next().expect("a line").expect("read"), "y");
        let start = Instant::now();
        drop(lines);
        assert!(start.elapsed() < Duration::from_secs(5));
    });
}

/// X1: no stage has an end that is not its own, and neither has a process started meanwhile.
#[test]
fn no_stage_gets_an_end_that_is_not_its_own() {
    with_no_child_left("pipelines::no_stage_gets_an_end_that_is_not_its_own", || {
        let list = "ls /proc/self/fd >&2; cat";
        let done = Pipeline::new(sh(list).stderr(Stdio::piped()))
            .pipe(sh(list).stderr(Stdio::piped()))
            .pipe(sh(list).stderr(Stdio::piped()))
            .input(b"x")
            .output()
            .expect("run");
        assert_eq!(done.output, b"x");
        let before = crate::inherited();
        for stage in done.stages {
            let text = String::from_utf8(stage.stderr).expect("numbers");
            let extra: Vec<_> =
                text.lines().filter(|fd| !before.lines().any(|known| known == *fd)).collect();
            assert!(extra.is_empty(), "descriptors {extra:?} in {text:?}");
            assert!(text.contains('1'));
        }
    });
}

#[test]
fn a_program_that_cannot_start_is_named_and_the_others_reaped() {
    let name = "pipelines::a_program_that_cannot_start_is_named_and_the_others_reaped";
    with_no_child_left(name, || {
        let dir = scratch::dir();
        let not_executable = dir.path().join("file");
        fs::write(&not_executable, "text").expect("write");
        let error = Pipeline::new(Command::new("yes"))
            .pipe(sh("exec sleep 1000"))
            .pipe(Command::new("/no/such/program"))
            .output()
            .expect_err("absent");
        let text = error.to_string();
        assert!(text.contains("stage 3") && text.contains("/no/such/program"), "{text}");
        let (index, program, error) = stage(error);
        assert_eq!((index, program.as_str()), (2, "/no/such/program"));
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
        assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::NotFound);
        let error = Pipeline::new(Command::new(&not_executable)).pipe(Command::new("cat")).run();
        let (index, _, error) = stage(error.expect_err("not executable"));
        assert_eq!(index, 0);
        assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::PermissionDenied);
    });
}

/// X17: as many descriptors as there are: a limit, named, and nothing left.
#[test]
fn a_full_descriptor_table_is_a_limit() {
    with_no_child_left("pipelines::a_full_descriptor_table_is_a_limit", || {
        let mut seen = 0;
        for limit in 4..40 {
            let guard = fault::limit_nofile(limit);
            let ran = Pipeline::new(sh("exec cat")).pipe(sh("exec cat")).input(b"x").output();
            drop(guard);
            match ran {
                Ok(done) => assert_eq!(done.output, if done.success() { &b"x"[..] } else { b"" }),
                Err(Error::Stage { error, .. }) => {
                    assert!(matches!(*error, Error::Limit { .. }), "{error}");
                    seen += 1;
                }
                Err(Error::Limit { .. }) => seen += 1,
                // std opens /dev/null and a pipe of its own.
                Err(error) => panic!("{error}"),
            }
        }
        assert!(seen > 0);
    });
}

#[test]
fn a_deadline_kills_and_reaps_all() {
    with_no_child_left("pipelines::a_deadline_kills_and_reaps_all", || {
        let dir = scratch::dir();
        let note = dir.path().join("pid");
        // The second stage has a child of its own, which would outlive it.
        let line = format!("sleep 1000 & echo $! > {}; wait", note.display());
        let start = Instant::now();
        let error = Pipeline::new(Command::new("true"))
            .pipe(sh(&line))
            .pipe(Command::new("cat"))
            .timeout(Duration::from_millis(300))
            .output()
            .expect_err("too late");
        assert!(start.elapsed() >= Duration::from_millis(300));
        assert!(start.elapsed() < Duration::from_secs(5));
        let (index, program, error) = stage(error);
        assert_eq!((index, program.as_str()), (1, "sh"));
        assert!(matches!(error, Error::TimedOut), "{error}");
        let pid = fs::read_to_string(note).expect("it ran");
        wait_until_gone(pid.trim());
        let late = Pipeline::new(sh("exec sleep 1000")).deadline(Instant::now()).timeout(LONG);
        assert!(matches!(stage(late.run().expect_err("past")).2, Error::TimedOut));
    });
}

/// Waits until a process that is no child of ours has ended.
fn wait_until_gone(pid: &str) {
    let path = format!("/proc/{pid}/stat");
    let start = Instant::now();
    while let Ok(stat) = fs::read_to_string(&path) {
        // Dead, and nobody has reaped it: in a container that may take for ever.
        if stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with(['Z', 'X'])) {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(5), "process {pid} lives: {stat}");
        std::thread::yield_now();
    }
}

#[test]
fn a_stage_that_stops_itself_is_named() {
    with_no_child_left("pipelines::a_stage_that_stops_itself_is_named", || {
        let error = Pipeline::new(Command::new("cat"))
            .pipe(sh("kill -STOP $$; cat"))
            .pipe(Command::new("cat"))
            .input(vec![b'x'; 1 << 20])
            .timeout(Duration::from_millis(500))
            .output()
            .expect_err("too late");
        let (index, _, error) = stage(error);
        assert_eq!(index, 1);
        assert!(matches!(error, Error::Stopped { signal: SIGSTOP }), "{error}");
    });
}

#[test]
fn a_grandchild_that_keeps_the_output_is_noticed() {
    with_no_child_left("pipelines::a_grandchild_that_keeps_the_output_is_noticed", || {
        let start = Instant::now();
        let mut sink = Vec::new();
        let error = Pipeline::new(Command::new("echo").arg("text"))
            .pipe(sh("sleep 1000 & cat"))
            .output_to(&mut sink)
            .run()
            .expect_err("kept open");
        assert!(start.elapsed() < Duration::from_secs(5));
        let (index, program, error) = stage(error);
        assert_eq!((index, program.as_str()), (1, "sh"));
        assert!(matches!(error, Error::KeptOpen), "{error}");
        assert_eq!(sink, b"text\n", "what the stage wrote came first");
        // One that goes away in time is no error.
        let done = Pipeline::new(sh("(sleep 0.05; echo late) & echo early")).output().expect("run");
        assert_eq!(done.output, b"early\nlate\n");
        // Nor is one that keeps only what it complains.
        let mut quiet = sh("sleep 1000 >/dev/null & echo $!");
        let done = Pipeline::new(quiet.stderr(Stdio::piped())).output().expect("run");
        let pid = String::from_utf8(done.output).expect("a number");
        let pid = rustix::process::Pid::from_raw(pid.trim().parse().expect("a number"));
        let kill = rustix::process::Signal::KILL;
        rustix::process::kill_process(pid.expect("positive"), kill).expect("it still runs");
    });
}

#[test]
fn a_stage_that_floods_stderr_is_drained() {
    with_no_child_left("pipelines::a_stage_that_floods_stderr_is_drained", || {
        let mut flood = sh("head -c 5000000 /dev/zero >&2; echo the end >&2; cat");
        let done = Pipeline::new(flood.stderr(Stdio::piped()))
            .pipe(Command::new("cat"))
            .input(b"data")
            .timeout(LONG)
            .output()
            .expect("run");
        assert_eq!(done.output, b"data");
        assert!(done.stages[0].stderr.ends_with(b"\0the end\n"));
        assert_eq!(done.stages[0].stderr.len(), 64 << 10);
        assert!(done.stages[1].stderr.is_empty());
    });
}

#[test]
fn a_stage_that_closes_early_leaves_the_input_unread() {
    with_no_child_left("pipelines::a_stage_that_closes_early_leaves_the_input_unread", || {
        let done = Pipeline::new(sh("exec <&-; echo closed"))
            .input(vec![0; 4 << 20])
            .output()
            .expect("run");
        assert!(done.success() && done.unread_input);
        assert_eq!(done.output, b"closed\n");
        // Its output, long before its end.
        let done = Pipeline::new(sh("exec >&-; cat >/dev/null"))
            .pipe(Command::new("cat"))
            .input(vec![0; 4 << 20])
            .output()
            .expect("run");
        assert!(done.success() && !done.unread_input && done.output.is_empty());
    });
}

#[test]
fn a_full_disk_names_who_failed() {
    with_no_child_left("pipelines::a_full_disk_names_who_failed", || {
        let full = || File::options().write(true).open("/dev/full").expect("open");
        let done = Pipeline::new(Command::new("echo").arg("x"))
            .pipe(sh("cat 2>/dev/null"))
            .output_file(full())
            .run()
            .expect("run");
        assert_eq!(done.first_failure().expect("cat failed").0, 1);
        let error = Pipeline::new(Command::new("yes")).output_to(full()).run();
        let error = error.expect_err("we failed");
        assert!(matches!(error, Error::NoSpace { what: "write output of pipeline" }), "{error}");
    });
}

#[test]
fn an_input_that_fails_ends_the_pipeline() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::from_raw_os_error(5))
        }
    }
    with_no_child_left("pipelines::an_input_that_fails_ends_the_pipeline", || {
        let error = Pipeline::new(Command::new("cat")).input_from(Broken).output();
        let error = error.expect_err("broken").to_string();
        assert!(error.contains("read input of pipeline") && error.contains("EIO"), "{error}");
    });
}

#[test]
fn more_output_than_the_limit_is_refused() {
    with_no_child_left("pipelines::more_output_than_the_limit_is_refused", || {
        let error = Pipeline::new(Command::new("yes")).limit(10_000).output();
        let (index, _, error) = stage(error.expect_err("endless"));
        assert!(index == 0 && matches!(error, Error::MessageTooLong { limit: 10_000, .. }));
    });
}

/// X18: a canceller ends the run, and nothing is left of it.
#[test]
fn a_run_can_be_cancelled() {
    with_no_child_left("pipelines::a_run_can_be_cancelled", || {
        let mut pipeline = Pipeline::new(sh("exec sleep 1000")).pipe(Command::new("cat"));
        let canceller = pipeline.canceller().expect("canceller");
        let stopper = std::thread::spawn(move || canceller.cancel());
        assert!(matches!(pipeline.output(), Err(Error::Cancelled)));
        stopper.join().expect("no panic");
    });
}

/// X2: a storm of signals neither loses bytes nor moves the deadline.
#[test]
fn a_storm_of_signals_changes_nothing() {
    with_no_child_left("pipelines::a_storm_of_signals_changes_nothing", || {
        let storm = fault::alarm_storm(Duration::from_millis(1));
        let bytes = vec![7; 20 << 20];
        let done = Pipeline::new(Command::new("cat"))
            .pipe(Command::new("cat"))
            .input(&bytes)
            .output()
            .expect("run");
        assert!(done.success() && done.output == bytes);
        let start = Instant::now();
        let wait = Duration::from_millis(200);
        assert!(Pipeline::new(sh("exec sleep 1000")).timeout(wait).output().is_err());
        assert!(start.elapsed() >= wait && start.elapsed() < wait * 5);
        drop(storm);
    });
}
