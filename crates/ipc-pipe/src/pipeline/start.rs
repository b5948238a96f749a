//! Starting the stages: who gets which end.

use std::io::IsTerminal;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use ipc_core::Deadline;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::feed::Feed;
use super::running::{Member, Running};
use super::{Input, Output, Pipeline};
use crate::error::{Error, Result};
use crate::options::PipeOptions;
use crate::pair::{Reader, Writer};

/// Starts all stages. If one cannot be started, the others are killed and reaped.
pub(super) fn start<'a>(
    pipeline: &mut Pipeline<'_, 'a>,
    deadline: Deadline,
    capture: bool,
) -> Result<Running<'a>> {
    let mut running = Running::new(deadline, pipeline.linger, pipeline.canceller.clone());
    let (mut stdin, own_group) = input(pipeline, &mut running, capture)?;
    let last = pipeline.stages.len() - 1;
    for index in 0..=last {
        let mut next = None;
        let stdout = if index < last {
            let (reader, writer) = create(pipeline.capacity)?;
            next = Some(reader);
            Some(Stdio::from(writer))
        } else {
            output(pipeline, &mut running, capture)?
        };
        let command = pipeline.stages[index].command();
        let program = command.get_program().to_string_lossy().into_owned();
        if own_group {
            // The first one founds it. It is not reaped before all are started, so it is still there.
            command.process_group(running.group.map_or(0, |pid| pid.as_raw_nonzero().get()));
        }
        let spawned = spawn(command, stdin.take(), stdout);
        let member = spawned
            .and_then(|child| member(program.clone(), child))
            .map_err(|error| error.at(index, &program))?;
        if own_group && running.group.is_none() {
            running.group = Some(Pid::from_child(&member.child));
        }
        running.members.push(member);
        stdin = next.map(Stdio::from);
    }
    let piped = running.members.last_mut().and_then(|member| member.child.stdout.take());
    if let (None, Some(piped)) = (&running.output, piped) {
        running.output = Some(piped.into());
    }
    Ok(running)
}

/// The first stage's input, and whether the stages may leave our process group: those that read a
/// terminal from another group are stopped.
fn input<'a>(
    pipeline: &mut Pipeline<'_, 'a>,
    running: &mut Running<'a>,
    capture: bool,
) -> Result<(Option<Stdio>, bool)> {
    Ok(match std::mem::replace(&mut pipeline.input, Input::Unsaid) {
        Input::Unsaid if capture => (Some(Stdio::null()), true),
        Input::Unsaid => (None, !std::io::stdin().is_terminal()),
        Input::File(file) => {
            let own_group = !file.is_terminal();
            (Some(file.into()), own_group)
        }
        Input::Bytes(bytes) => {
            let (reader, writer) = create(pipeline.capacity)?;
            running.input = Some(Feed::bytes(writer, bytes));
            (Some(reader.into()), true)
        }
        Input::Read(source) => {
            let (reader, writer) = create(pipeline.capacity)?;
            running.input = Some(Feed::reader(writer, source));
            (Some(reader.into()), true)
        }
    })
}

fn output<'a>(
    pipeline: &mut Pipeline<'_, 'a>,
    running: &mut Running<'a>,
    capture: bool,
) -> Result<Option<Stdio>> {
    match &mut pipeline.output {
        Output::Unsaid if !capture => Ok(None),
        output @ Output::File(_) if !capture => match std::mem::replace(output, Output::Unsaid) {
            Output::File(file) => Ok(Some(file.into())),
            _ => Ok(None),
        },
        _ => {
            let (reader, writer) = create(pipeline.capacity)?;
            running.output = Some(reader);
            Ok(Some(writer.into()))
        }
    }
}

fn create(capacity: Option<usize>) -> Result<(Reader, Writer)> {
    let (reader, mut writer) = PipeOptions::new().create()?;
    if let Some(bytes) = capacity {
        // A wish: without it the pipeline runs too.
        let _ = writer.set_capacity(bytes);
    }
    Ok((reader, writer))
}

/// Starts one stage and closes our copies of its ends, which the command holds.
fn spawn(command: &mut Command, stdin: Option<Stdio>, stdout: Option<Stdio>) -> Result<Child> {
    let (ours_in, ours_out) = (stdin.is_some(), stdout.is_some());
    if let Some(stdin) = stdin {
        command.stdin(stdin);
    }
    if let Some(stdout) = stdout {
        command.stdout(stdout);
    }
    let spawned = command.spawn();
    if ours_in {
        command.stdin(Stdio::null());
    }
    if ours_out {
        command.stdout(Stdio::inherit());
    }
    spawned.map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::NOENT) => {
            Error::NotFound { name: command.get_program().to_string_lossy().into_owned() }
        }
        Some(errno) => Error::os("start", errno),
        None => Error::Os { op: "start", source: error },
    })
}

fn member(program: String, mut child: Child) -> Result<Member> {
    // A command that pipes its own input gives it nobody who writes.
    drop(child.stdin.take());
    let pidfd: Result<OwnedFd, Errno> = pidfd_open(Pid::from_child(&child), PidfdFlags::empty());
    match pidfd {
        Ok(pidfd) => Ok(Member::new(program, child, pidfd)),
        Err(errno) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(Error::os("watch process", errno))
        }
    }
}
