//! The shell's `yes | head -c 1G | wc -c` in Rust: three programs, one stream of 1 GiB, every status.
//!
//! Run it: `cargo run -p ipc-examples --example pipeline`

use std::error::Error;
use std::process::Command;
use std::time::{Duration, Instant};

use ipc::pipe::Pipeline;

const GIB: u64 = 1 << 30;

fn main() -> Result<(), Box<dyn Error>> {
    count_a_gibibyte()?;
    take_a_few_lines()?;
    name_who_failed()
}

/// 1 GiB from the first program through the second one to the third.
fn count_a_gibibyte() -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let done = Pipeline::new(Command::new("yes").arg("a line of some fifteen words, all alike"))
        .pipe(Command::new("head").arg("-c").arg(GIB.to_string()))
        .pipe(Command::new("wc").arg("-c"))
        .capacity(1 << 20)
        .timeout(Duration::from_secs(15))
        .output()?;
    let time = start.elapsed();
    let counted: u64 = String::from_utf8(done.output.clone())?.trim().parse()?;
    assert_eq!(counted, GIB, "not one byte is lost");

    println!("yes | head -c 1G | wc -c: {counted} bytes in {:.2} s", time.as_secs_f64());
    println!("that is {:.2} GiB/s through three programs", 1.0 / time.as_secs_f64());
    for (index, stage) in done.stages.iter().enumerate() {
        let remark = if done.had_enough().contains(&index) { ": who read had enough" } else { "" };
        println!("  stage {}, {}: {}{remark}", index + 1, stage.program, stage.status);
    }
    assert!(done.success(), "who is cut short by a later stage has not failed");
    Ok(())
}

/// Lines as they come, from a program that never ends by itself.
fn take_a_few_lines() -> Result<(), Box<dyn Error>> {
    let mut lines =
        Pipeline::new(Command::new("yes")).pipe(Command::new("cat").arg("-n")).lines()?;
    for line in lines.by_ref().take(3) {
        println!("line: {}", line?);
    }
    let done = lines.finish()?;
    println!("we had enough after three, and so had stages {:?}", done.had_enough());
    Ok(())
}

/// The shell would show the last status only; here the first failure is known.
fn name_who_failed() -> Result<(), Box<dyn Error>> {
    let failed = Pipeline::new(Command::new("sh").args(["-c", "echo some; exit 3"]))
        .pipe(Command::new("cat"))
        .output()?
        .check();
    match failed {
        Err(error) => println!("a failure: {error}"),
        Ok(_) => return Err("the first stage fails".into()),
    }
    let error = Pipeline::new(Command::new("cat"))
        .pipe(Command::new("no-such-program"))
        .output()
        .expect_err("there is no such program");
    println!("an absence: {error}");
    let error = Pipeline::new(Command::new("sleep").arg("1000"))
        .timeout(Duration::from_millis(100))
        .output()
        .expect_err("it is killed and reaped");
    println!("a deadline: {error}");
    Ok(())
}
