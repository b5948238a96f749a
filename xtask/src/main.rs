//! The one command for everything one does in this repository: `cargo xtask help`.
//!
//! Light on purpose: no crate of ours is a dependency, so it still starts when they do not build.

#![deny(unsafe_code)]

mod alone;
mod bench;
mod build;
mod choose;
mod ci;
mod clean;
mod clock;
mod crates;
mod features;
mod goals;
mod mechanism;
mod report;
mod scratch;
mod step;
mod test;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crates::Workspace;

/// 0: all passed. 1: something failed. 2: the command could not start.
fn main() -> ExitCode {
    let matches = cli().get_matches();
    dispatch(&matches).unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::from(2)
    })
}

fn dispatch(matches: &ArgMatches) -> Result<ExitCode, String> {
    let (name, matches) = matches.subcommand().ok_or("no command given")?;
    if name == "clean-ipc" {
        return Ok(clean::run(matches.get_flag("dry-run")));
    }
    let workspace = Workspace::find()?;
    match name {
        "build" => {
            let steps = build::steps(&workspace.select(&names(matches))?);
            Ok(step::run(&workspace.root, steps).summary(None))
        }
        "test" => {
            let steps = test::steps(&workspace, &workspace.select(&names(matches))?);
            let report = step::run(&workspace.root, steps);
            Ok(report.summary(Some(&test::skip_log(&workspace))))
        }
        "alone" => {
            let steps = alone::steps(&workspace, &workspace.select(&names(matches))?);
            Ok(step::run(&workspace.root, steps).summary(None))
        }
        "bench" if !bench::rerun::IS_COMPLETE => {
            Err(bench::rerun::become_complete(&workspace.root))
        }
        "bench" => {
            let steps = bench::steps(&workspace, &names(matches), bench_options(matches)?)?;
            Ok(step::run(&workspace.root, steps).summary(None))
        }
        "choose" => choose::run(&workspace, matches),
        "tidy" => tidy::run(&workspace.root, matches.get_flag("fix")),
        "ci" => ci::run(&workspace),
        other => Err(format!("unknown command `{other}`")),
    }
}

fn bench_options(matches: &ArgMatches) -> Result<bench::Options, String> {
    // The children run in the root; the user's path starts where the user is.
    let path = |name: &str| {
        let path = matches.get_one::<PathBuf>(name).map(std::path::absolute).transpose();
        path.map_err(|e| format!("--{name}: {e}"))
    };
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let words: Vec<_> = std::env::args().skip(1).collect();
    Ok(bench::Options {
        quick: matches.get_flag("quick"),
        all_rows: matches.get_flag("all-rows"),
        versus: matches.get_flag("versus"),
        filter: text("filter"),
        json: path("json")?,
        csv: path("csv")?,
        save: text("save"),
        against: text("against"),
        show: text("show"),
        record: text("record"),
        command: step::Cmd::cargo(["xtask"]).args(words).to_string(),
        silence: None,
    })
}

/// The crates that the command line names.
fn names(matches: &ArgMatches) -> Vec<String> {
    matches.get_many::<String>("crate").into_iter().flatten().cloned().collect()
}

fn cli() -> Command {
    Command::new("cargo xtask")
        .bin_name("cargo xtask")
        .about("Builds, tests and benchmarks every crate of this repository by itself")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help("Start with `cargo xtask bench`, `cargo xtask choose` or `cargo xtask test`.")
        .subcommands([
            command("build", "Builds each crate alone, with every feature set")
                .arg(crates())
                .after_help("Examples:\n  cargo xtask build\n  cargo xtask build ipc-pipe ipc"),
            command("test", "Tests each crate alone, with every feature set, docs and examples")
                .arg(crates())
                .after_help("Examples:\n  cargo xtask test\n  cargo xtask test ipc-pipe"),
            bench_command(),
            choose::command(),
            command("tidy", "Checks the rules of the house that no compiler knows")
                .arg(flag(
                    "fix",
                    "Rewrites the generated parts of docs/testing.md and docs/choosing.md",
                ))
                .after_help("Examples:\n  cargo xtask tidy\n  cargo xtask tidy --fix"),
            command("ci", "Runs all checks: format, lints, tidy, tests, docs, a quick bench")
                .after_help("Example:\n  cargo xtask ci"),
            command("alone", "Runs each README's first example in a package of its own")
                .arg(crates())
                .after_help("Examples:\n  cargo xtask alone\n  cargo xtask alone ipc-pipe"),
            command("clean-ipc", "Removes what interrupted tests and benches left behind")
                .arg(flag("dry-run", "Only prints what would be removed"))
                .after_help(
                    "Examples:\n  cargo xtask clean-ipc --dry-run\n  cargo xtask clean-ipc",
                ),
        ])
}

fn bench_command() -> Command {
    let file = |name: &'static str, help: &'static str| {
        let parser = value_parser!(PathBuf);
        Arg::new(name).long(name).value_name("FILE").value_parser(parser).help(help)
    };
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let record = text("record", "BOX", "Writes the run into docs/bench/<date>-<BOX>/")
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("")
        .conflicts_with("quick");
    command("bench", "Measures each crate beside the raw system calls and the physical floor")
        .arg(crates())
        .arg(flag("quick", "Fewer samples: shows that it works, not how fast it is"))
        .arg(flag("all-rows", "Prints the raw, floor and peer rows too"))
        .arg(flag("versus", "Measures other libraries too (crates/ipc-versus)"))
        .arg(text("filter", "TEXT", "Runs only the cases whose name contains this text"))
        .arg(file("json", "Writes every row into this file, as a JSON array"))
        .arg(file("csv", "Writes every row into this file, as values between commas"))
        .arg(text("save", "NAME", "Keeps this run under this name"))
        .arg(text("against", "NAME", "Compares with the run that was kept under this name"))
        .arg(
            text("show", "NAME", "Makes the report of a run that was kept, without measuring")
                .conflicts_with_all(["crate", "filter", "save", "quick", "versus", "json", "csv"]),
        )
        .arg(record)
        .after_help(
            "The report is target/bench/report.html, in words target/bench/report.md.\n\n\
             Examples:\n  cargo xtask bench\n  cargo xtask bench ipc-pipe --quick\n  \
             cargo xtask bench --filter 'round-trip 64 B' --all-rows\n  \
             cargo xtask bench --json target/bench.json --csv target/bench.csv\n  \
             cargo xtask bench ipc-pipe --save before\n  \
             cargo xtask bench ipc-pipe --against before\n  \
             cargo xtask bench --show before\n  cargo xtask bench --versus",
        )
}

fn command(name: &'static str, about: &'static str) -> Command {
    Command::new(name).about(about)
}

fn crates() -> Arg {
    let help = "The crates to take; all if none is named";
    Arg::new("crate").value_name("CRATE").action(ArgAction::Append).num_args(0..).help(help)
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}
