//! Ends in the hands of other programs.

use std::io::Read;
use std::process::{Command, Stdio};

use crate::inherited;
use ipc_devkit::alone;
use ipc_pipe::{Error, PassFd, Reader, Writer, pipe};

fn text(mut reader: Reader) -> String {
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("read");
    text
}

#[test]
fn an_end_becomes_a_standard_stream() {
    let (reader, writer) = pipe().expect("create");
    let status = Command::new("echo").arg("out").stdout(writer).status().expect("run");
    assert!(status.success());
    assert_eq!(text(reader), "out\n");

    let (reader, mut writer) = pipe().expect("create");
    writer.write(b"b\na\n").expect("write");
    drop(writer);
    let sorted = Command::new("sort").stdin(reader).output().expect("run");
    assert_eq!(sorted.stdout, b"a\nb\n");
}

#[test]
fn a_childs_streams_become_ends() {
    let mut child =
        Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("run");
    let mut to = Writer::from(child.stdin.take().expect("piped"));
    let from = Reader::from(child.stdout.take().expect("piped"));
    to.write(b"through cat").expect("write");
    drop(to);
    assert_eq!(text(from), "through cat");
    assert!(child.wait().expect("wait").success());
}

#[test]
fn an_end_is_placed_at_any_number() {
    alone("handover::an_end_is_placed_at_any_number", || {
        let (reader, writer) = pipe().expect("create");
        let (other_reader, other_writer) = pipe().expect("create");
        // 3 is a number this process uses for something else; 9 is free.
        let mut command = Command::new("sh");
        command
            .args(["-c", "echo three >&3; echo nine >&9"])
            .pass_fd(9, writer)
            .expect("pass")
            .pass_fd(3, other_writer)
            .expect("pass");
        assert!(command.status().expect("run").success());
        assert!(command.status().expect("run again").success());
        drop(command);
        assert_eq!(text(reader), "nine\nnine\n");
        assert_eq!(text(other_reader), "three\nthree\n");
    });
}

/// X1: an end that was passed to one child does not reach another.
#[test]
fn a_passed_end_reaches_only_its_child() {
    alone("handover::a_passed_end_reaches_only_its_child", || {
        let before = inherited();
        let (_reader, writer) = pipe().expect("create");
        let mut command = Command::new("true");
        command.pass_fd(20, writer).expect("pass");
        assert_eq!(inherited(), before);
    });
}

#[test]
fn a_program_that_does_not_exist_is_still_reported() {
    let (reader, writer) = pipe().expect("create");
    let mut command = Command::new("/no/such/program");
    command.pass_fd(5, writer).expect("pass");
    assert_eq!(command.spawn().expect_err("absent").kind(), std::io::ErrorKind::NotFound);
    drop(command);
    assert_eq!(text(reader), "");
}

#[test]
fn numbers_of_standard_streams_and_impossible_ones_are_refused() {
    for number in [-1, 0, 2, i32::MAX] {
        let (_reader, writer) = pipe().expect("create");
        let mut command = Command::new("true");
        assert!(matches!(command.pass_fd(number, writer), Err(Error::Os { .. })), "{number}");
    }
}
