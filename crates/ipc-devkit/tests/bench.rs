//! The bench half, tested from outside: a bench binary's output, exit status and behaviour when a half fails.
//!
//! A bench has one thread, and libtest has more, so this is a plain program. Run without [`SUBJECT`] it is
//! the test; it starts itself with [`SUBJECT`] set as the bench under test.

use std::io::{BufRead as _, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode, Output};
use std::time::{Duration, Instant};

use ipc_devkit::bench::{self, Bench, Buffer, Case, Pair, Placement, Turns};
use serde_json::Value;

/// How the subject of the bench behaves.
const SUBJECT: &str = "IPC_DEVKIT_TEST_SUBJECT";

fn main() -> ExitCode {
    if let Ok(behaviour) = std::env::var(SUBJECT) {
        return bench::main("test-crate", |bench| plan(bench, &behaviour));
    }
    let arguments: Vec<String> = std::env::args().collect();
    let asked = |option: &str| arguments.iter().any(|argument| argument == option);
    // The questions that test runners ask before they run anything.
    if asked("--list") {
        if !asked("--ignored") {
            println!("bench: test");
        }
        return ExitCode::SUCCESS;
    }
    prints_rows_and_ratios();
    filters_and_lists();
    reports_a_wrong_byte();
    reports_a_dead_half();
    leaves_out_what_is_unsupported();
    runs_two_threads_in_one_process();
    leaves_no_process_when_it_is_killed();
    ExitCode::SUCCESS
}

/// A case in each placement, where `peer` behaves as asked, and one in a single process.
fn plan(bench: &mut Bench, behaviour: &str) {
    for placement in Placement::ALL {
        let behaviour = behaviour.to_owned();
        let case = Case::round_trip(format!("exchange 64 B {}", placement.name()), 64, placement);
        bench.case(
            case.floor_exchange()
                .ours("test-crate", move || bench::floor::exchange(64, placement))
                .peer("peer", move || misbehaving(&behaviour)),
        );
        let case = Case::one_way(format!("one-way 4 KiB {}", placement.name()), 4096, placement);
        bench.case(case.of("another-crate").floor_one_way());
    }
    let case = Case::alone(bench::Scenario::SYSTEM_CALL, "empty system call");
    bench.case(case.floor("getppid", bench::floor::empty_system_call));
}

/// A round trip over a socket pair; the answering half does what it is told at message 300.
fn misbehaving(behaviour: &str) -> std::io::Result<Pair> {
    if behaviour == "unsupported" {
        return Err(std::io::Error::from(std::io::ErrorKind::Unsupported));
    }
    let behaviour = behaviour.to_owned();
    let (mut near, mut far) = UnixStream::pair()?;
    let (mut question, mut answer) = (Buffer::new(64), Buffer::new(64));
    let threads = behaviour.starts_with("threads");
    let ask = move |turns: Turns| {
        for number in turns.sequence() {
            turns.fill(&mut question, number);
            near.write_all(&question)?;
            near.read_exact(&mut question)?;
            turns.check(&question, number)?;
        }
        Ok(())
    };
    let respond = move |turns: Turns| {
        for number in turns.sequence() {
            far.read_exact(&mut answer)?;
            turns.check(&answer, number)?;
            match behaviour.as_str() {
                "wrong" | "threads wrong" if number == 300 => answer[63] ^= 1,
                "dies" if number == 300 => std::process::abort(),
                "threads panic" if number == 300 => panic!("as the test asks"),
                _ => {}
            }
            far.write_all(&answer)?;
        }
        Ok(())
    };
    Ok(if threads { Pair::threads(ask, respond) } else { Pair::two(ask, respond) })
}

fn command(behaviour: &str, options: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(SUBJECT, behaviour).args(options);
    command
}

fn run(behaviour: &str, options: &[&str]) -> (Option<i32>, Vec<Value>, String) {
    let Output { status, stdout, stderr } = command(behaviour, options).output().unwrap();
    let lines = String::from_utf8(stdout).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (status.code(), lines, String::from_utf8(stderr).unwrap())
}

const SHORT: [&str; 3] = ["--bench", "--seconds-per-case", "0.02"];

fn of_kind<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}

fn prints_rows_and_ratios() {
    let (code, lines, errors) = run("well", &SHORT);
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(lines[0]["kind"], "machine");
    assert_eq!(lines[1]["kind"], "plan");
    assert_eq!(lines[1]["cases"], 7);
    assert_eq!(of_kind(&lines, "case").len(), 7);
    if lines[0]["cpus"].as_u64().unwrap() < 2 {
        assert!(!of_kind(&lines, "note").is_empty(), "two processors are missed");
        return;
    }
    let rows = of_kind(&lines, "row");
    assert_eq!(rows.len(), 3 * 3 + 3 + 1);
    for row in &rows {
        let texts = ["case", "crate", "scenario", "subject", "role", "placement", "wait"];
        assert!(texts.iter().all(|field| row[*field].is_string()), "{row}");
        let times =
            ["p50_ns", "p99_ns", "p999_ns", "max_ns"].map(|field| row[field].as_f64().unwrap());
        assert!(times[0] > 0.0 && times.is_sorted(), "{row}");
        let numbers = ["batch", "msgs_per_s", "cpu_ns_per_msg", "samples"];
        assert!(numbers.iter().all(|field| row[*field].as_f64().unwrap() > 0.0), "{row}");
        assert_eq!(row["bytes_per_s"].is_number(), row["size"].is_number(), "{row}");
    }
    let ratios = of_kind(&lines, "ratio");
    assert_eq!(ratios.len(), 3 * 2);
    for ratio in &ratios {
        assert_eq!(ratio["pairs"], 11);
        let [low, middle, high] =
            ["low", "ratio", "high"].map(|field| ratio[field].as_f64().unwrap());
        assert!(low <= middle && middle <= high, "{ratio}");
        assert!(ratio["decided"].is_boolean() && ratio["better"] == "lower", "{ratio}");
    }
}

fn filters_and_lists() {
    let (code, lines, _) = run("well", &["--filter", "no such case"]);
    assert_eq!((code, lines.len()), (Some(0), 2));
    let output = command("well", &["--list", "--filter", "one-core"]).output().unwrap();
    assert_eq!(output.stdout, b"exchange 64 B one-core\none-way 4 KiB one-core\n");
    assert_eq!(run("well", &["--nonsense"]).0, Some(2));
}

fn reports_a_wrong_byte() {
    let (code, _, errors) = run("wrong", &SHORT);
    assert_eq!(code, Some(1));
    assert!(
        errors.contains("exchange 64 B one-core: peer, measured half: message 300"),
        "{errors}"
    );
    assert!(errors.contains("byte 63 is"), "{errors}");
}

fn reports_a_dead_half() {
    let start = Instant::now();
    let (code, lines, errors) = run("dies", &[&SHORT[..], &["--filter", "one-core"]].concat());
    assert_eq!(code, Some(1));
    // Either half may be heard first: the one that died, or the one whose socket ended.
    assert!(errors.contains("exchange 64 B one-core: peer, "), "{errors}");
    assert!(start.elapsed() < Duration::from_secs(10), "a dead half holds up the run");
    // The other case still ran.
    assert_eq!(of_kind(&lines, "row").len(), 1);
}

fn leaves_out_what_is_unsupported() {
    let options = [&SHORT[..], &["--filter", "exchange 64 B one-core"]].concat();
    let (code, lines, errors) = run("unsupported", &options);
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(of_kind(&lines, "row").len(), 2);
    assert!(
        of_kind(&lines, "note").iter().any(|note| note["text"].as_str().unwrap().contains("peer"))
    );
}

fn runs_two_threads_in_one_process() {
    let options = [&SHORT[..], &["--filter", "4 KiB one-core"]].concat();
    let (_, lines, _) = run("threads", &options);
    assert!(of_kind(&lines, "row").iter().all(|row| row["crate"] == "another-crate"));
    let options = [&SHORT[..], &["--filter", "exchange 64 B one-core"]].concat();
    let (code, lines, errors) = run("threads", &options);
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(of_kind(&lines, "row").len(), 3);
    // The processor time of a thread, not twice that of the process: on one processor it fits in.
    let peer = &of_kind(&lines, "row")[2];
    let (cpu, rate) = (peer["cpu_ns_per_msg"].as_f64(), peer["msgs_per_s"].as_f64());
    assert!(cpu.unwrap() * rate.unwrap() < 1.5e9, "{peer}");

    let (code, _, errors) = run("threads wrong", &options);
    assert!(code == Some(1) && errors.contains("peer, measured half: message 300"), "{errors}");
    let (code, _, errors) = run("threads panic", &options);
    assert!(code == Some(1) && errors.contains("exchange 64 B one-core: peer, "), "{errors}");
}

fn leaves_no_process_when_it_is_killed() {
    // Every process of the bench holds the far end, as its standard output.
    let (reader, writer) = UnixStream::pair().unwrap();
    let options = ["--seconds-per-case", "600", "--filter", "exchange 64 B one-core"];
    let mut bench = command("well", &options).stdout(OwnedFd::from(writer)).spawn().unwrap();
    let mut lines = std::io::BufReader::new(reader).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains(r#""kind":"case""#)));
    bench.kill().unwrap();
    bench.wait().unwrap();
    assert_eq!(lines.count(), 0, "the end of file comes when the last process is gone");
}
