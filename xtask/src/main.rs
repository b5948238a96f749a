//! The one command for everything one does in this repository: `cargo xtask help`.
//!
//! Light on purpose: no crate of ours is a dependency, so it still starts when they do not build.

#![deny(unsafe_code)]

mod alone;
mod bench;
mod build;
mod ci;
mod clean;
mod crates;
mod features;
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
        "bench" => {
            let steps = bench::steps(&workspace, &names(matches), bench_options(matches)?)?;
            Ok(step::run(&workspace.root, steps).summary(None))
        }
        "tidy" => tidy::run(&workspace.root, matches.get_flag("fix")),
        "ci" => ci::run(&workspace),
        other => Err(format!("unknown command `{other}`")),
    }
}

fn bench_options(matches: &ArgMatches) -> Result<bench::Options, String> {
    // The children run in the root; the user's path starts where the user is.
    let json = matches.get_one::<PathBuf>("json").map(std::path::absolute).transpose();
    Ok(bench::Options {
        quick: matches.get_flag("quick"),
        all_rows: matches.get_flag("all-rows"),
        filter: matches.get_one::<String>("filter").cloned(),
        json: json.map_err(|e| format!("--json: {e}"))?,
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
        .after_help("Start with `cargo xtask bench` or `cargo xtask test`.")
        .subcommands([
            command("build", "Builds each crate alone, with every feature set")
                .arg(crates())
                .after_help("Examples:\n  cargo xtask build\n  cargo xtask build ipc-pipe ipc"),
            command("test", "Tests each crate alone, with every feature set, docs and examples")
                .arg(crates())
                .after_help("Examples:\n  cargo xtask test\n  cargo xtask test ipc-pipe"),
            bench_command(),
            command("tidy", "Checks the rules of the house that no compiler knows")
                .arg(flag("fix", "Rewrites the generated tables of docs/testing.md"))
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
    let json = Arg::new("json")
        .long("json")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("Writes every row into this file, as a JSON array");
    let filter = Arg::new("filter")
        .long("filter")
        .value_name("TEXT")
        .help("Runs only the cases whose name contains this text");
    command("bench", "Measures each crate beside the raw system calls and the physical floor")
        .arg(crates())
        .arg(flag("quick", "Fewer samples: shows that it works, not how fast it is"))
        .arg(flag("all-rows", "Prints the raw, floor and peer rows too"))
        .arg(filter)
        .arg(json)
        .after_help(
            "Examples:\n  cargo xtask bench\n  cargo xtask bench ipc-pipe --quick\n  \
             cargo xtask bench --filter 'round-trip 64 B' --all-rows\n  \
             cargo xtask bench --json target/bench.json",
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
