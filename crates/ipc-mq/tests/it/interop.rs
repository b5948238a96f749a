//! Messages to and from programs in C and in Python.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ipc_devkit::{alone, scratch};
use ipc_mq::posix::Queue;
use ipc_mq::sysv::{self, Filter, Key};

use crate::{Gone, Private};

/// Takes a message, and sends it back with `!` behind it, one priority or type higher. The first argument is
/// the kind of queue; the second its name or key.
const C: &str = r#"
#include <mqueue.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

struct message { long type; char text[8192]; };

int main(int count, char **words)
{
    if (count != 3) return 2;
    if (strcmp(words[1], "posix") == 0) {
        static char text[8193];
        unsigned priority;
        mqd_t queue = mq_open(words[2], O_RDWR);
        if (queue == (mqd_t)-1) return 3;
        ssize_t got = mq_receive(queue, text, 8192, &priority);
        if (got < 0) return 4;
        text[got] = '!';
        return mq_send(queue, text, got + 1, priority + 1) == 0 ? 0 : 5;
    } else {
        static struct message message;
        key_t key = ftok(words[2], 'q');
        int queue = msgget(key, 0);
        if (queue < 0) return 6;
        ssize_t got = msgrcv(queue, &message, 8191, 0, 0);
        if (got < 0) return 7;
        message.text[got] = '!';
        message.type += 1;
        return msgsnd(queue, &message, got + 1, 0) == 0 ? 0 : 8;
    }
}
"#;

const PYTHON_POSIX: &str = r#"
import posix_ipc, sys
queue = posix_ipc.MessageQueue(sys.argv[1])
text, priority = queue.receive()
queue.send(text + b"!", priority=priority + 1)
queue.close()
"#;

const PYTHON_SYSV: &str = r#"
import sysv_ipc, sys
key = sysv_ipc.ftok(sys.argv[1], ord("q"), silence_warning=True)
queue = sysv_ipc.MessageQueue(key)
text, kind = queue.receive()
queue.send(text + b"!", type=kind + 1)
"#;

/// A POSIX queue whose other user is `program`, given the queue's name.
fn posix_echo(program: impl FnOnce(&str) -> Command) {
    let name = format!("/{}", scratch::name("c"));
    let _gone = Gone(name.clone());
    let queue = Queue::create(&name).expect("create");
    queue.send(6, b"hello").expect("send");
    run(program(&name));
    let answer = queue.try_recv().expect("the answer");
    assert_eq!((answer.priority, &answer.bytes[..]), (7, &b"hello!"[..]));
}

/// A System V queue whose other user is `program`, given the file of its key.
fn sysv_echo(program: impl FnOnce(&Path) -> Command) {
    let dir = scratch::dir();
    let queue =
        Private(sysv::Queue::create(Key::ftok(dir.path(), b'q').expect("key")).expect("create"));
    queue.0.send(6, b"hello").expect("send");
    run(program(dir.path()));
    let answer = queue.0.try_recv(Filter::Type(7)).expect("the answer");
    assert_eq!(answer.bytes, b"hello!");
}

fn run(mut command: Command) {
    let status = command.status().expect("run the other program");
    assert!(status.success(), "the other program failed: {status}");
}

fn c_program(dir: &Path) -> Option<PathBuf> {
    let program = dir.join("echo");
    let mut compiler = Command::new("cc");
    compiler.args(["-x", "c", "-O1", "-o"]).arg(&program).args(["-", "-lrt"]);
    let mut running = compiler.stdin(Stdio::piped()).spawn().ok()?;
    running.stdin.take()?.write_all(C.as_bytes()).ok()?;
    assert!(running.wait().ok()?.success(), "the C program does not compile");
    Some(program)
}

#[test]
fn a_c_program_answers() {
    alone("interop::a_c_program_answers", || {
        let dir = scratch::dir();
        let Some(program) = c_program(dir.path()) else {
            return ipc_devkit::skip("needs a C compiler (cc)");
        };
        let command = |kind: &str| {
            let mut command = Command::new(&program);
            command.arg(kind);
            command
        };
        posix_echo(|name| {
            let mut command = command("posix");
            command.arg(name);
            command
        });
        sysv_echo(|path| {
            let mut command = command("sysv");
            command.arg(path);
            command
        });
    });
}

/// A Python that has `module`: the one `.ci/run` made, or the system's.
fn python(module: &str) -> Option<PathBuf> {
    let made = std::env::var_os("IPC_TEST_PYTHON").map(PathBuf::from);
    let local = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python/bin/python");
    made.into_iter().chain([local, "python3".into()]).find(|python| {
        let mut command = Command::new(python);
        command.args(["-c", &format!("import {module}")]).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
}

#[test]
fn python_posix_ipc_answers() {
    alone("interop::python_posix_ipc_answers", || {
        let Some(python) = python("posix_ipc") else {
            return ipc_devkit::skip("needs Python's posix_ipc (see .ci/run)");
        };
        posix_echo(|name| {
            let mut command = Command::new(python);
            command.args(["-c", PYTHON_POSIX, name]);
            command
        });
    });
}

#[test]
fn python_sysv_ipc_answers() {
    alone("interop::python_sysv_ipc_answers", || {
        let Some(python) = python("sysv_ipc") else {
            return ipc_devkit::skip("needs Python's sysv_ipc (see .ci/run)");
        };
        sysv_echo(|path| {
            let mut command = Command::new(python);
            command.args(["-c", PYTHON_SYSV]).arg(path);
            command
        });
    });
}
