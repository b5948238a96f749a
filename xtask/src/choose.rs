//! `cargo xtask choose`: asks what is needed, and answers with a ranked list.
//!
//! Each answer comes with its reasons, what was measured, and the lines of code to start with.

pub(crate) mod docs;
mod figures;
mod needs;
mod picture;
mod rules;
mod start;

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};

use crate::bench::units;
use crate::crates::Workspace;
use figures::{Figures, Measured};
use needs::{Needs, QUESTIONS};
pub(crate) use rules::LADDER;
use rules::{Choice, Ranking, rank};

/// So many choices are explained; the rest are named.
const EXPLAINED: usize = 3;

/// A choice with its figures.
struct Advice {
    choice: Choice,
    measured: Option<Measured>,
    /// What was asked for and was not reached when it was measured.
    missed: Vec<String>,
}

/// The flags: one for each question.
pub(crate) fn command() -> Command {
    let args = QUESTIONS.iter().map(|question| {
        let help = format!("{} [{}]", question.words, question.usual);
        Arg::new(question.flag).long(question.flag).value_name(question.value).help(help)
    });
    Command::new("choose")
        .about("Asks what you need and answers with a ranked list of mechanisms")
        .args(args)
        .after_help(
            "Without a flag it asks, if there is a terminal. With one, the other answers are the \
             usual ones, in brackets above.\n\n\
             Examples:\n  cargo xtask choose\n  \
             cargo xtask choose --between relatives --size 1M\n  \
             cargo xtask choose --latency 2us --rate 1M\n  \
             cargo xtask choose --order priority --survive-crash yes",
        )
}

/// Asks, or takes the flags, and answers.
pub(crate) fn run(workspace: &Workspace, matches: &ArgMatches) -> Result<ExitCode, String> {
    let answers: Vec<_> = QUESTIONS
        .iter()
        .filter_map(|q| Some((q.flag, matches.get_one::<String>(q.flag)?)))
        .collect();
    let mut needs = Needs::default();
    if answers.is_empty() {
        if !io::stdin().is_terminal() {
            eprintln!("{}", command().bin_name("cargo xtask choose").render_long_help());
            return Ok(ExitCode::from(2));
        }
        ask(&mut needs, &mut io::stdin().lock(), &mut io::stdout())?;
    }
    for (flag, answer) in answers {
        needs.answer(flag, answer)?;
    }
    let figures = Figures::load(workspace);
    let Ranking { choices, out } = rank(&needs);
    let advice = weigh(choices, &needs, &figures);
    let mut lines = Vec::new();
    if advice.is_empty() {
        lines.push("Nothing here does all of this at once. What stands against each:".to_owned());
    }
    for (place, one) in advice.iter().enumerate() {
        if place < EXPLAINED {
            lines.extend(explain(place + 1, one, workspace));
        } else {
            lines.push(format!("{}. {}", place + 1, short(one)));
        }
    }
    lines.push(String::new());
    lines.extend(out.iter().map(|(mechanism, why)| format!("not {}: {why}", mechanism.name)));
    if figures.is_empty() {
        lines.push("\nNothing was measured here yet: run `cargo xtask bench` first.".to_owned());
    }
    lines.push("\nThe rules: docs/choosing.md".to_owned());
    // Whoever closed the other end of a pipe has read enough.
    let _ = writeln!(io::stdout(), "{}", lines.join("\n").trim_start());
    Ok(if advice.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Asks every question until the answer is understood. An empty answer is the usual one.
fn ask(needs: &mut Needs, input: &mut impl BufRead, output: &mut impl Write) -> Result<(), String> {
    for question in &QUESTIONS {
        loop {
            write!(output, "{} [{}] ", question.words, question.usual)
                .and_then(|()| output.flush())
                .map_err(|e| format!("ask: {e}"))?;
            let mut line = String::new();
            if input.read_line(&mut line).map_err(|e| format!("read the answer: {e}"))? == 0 {
                return Err("no more answers".to_owned());
            }
            let answer = if line.trim().is_empty() { question.usual } else { line.trim() };
            match needs.answer(question.flag, answer) {
                Ok(()) => break,
                Err(why) => writeln!(output, "{why}").map_err(|e| format!("ask: {e}"))?,
            }
        }
    }
    writeln!(output).map_err(|e| format!("ask: {e}"))
}

/// Adds what was measured; what missed a target goes behind what did not.
fn weigh(choices: Vec<Choice>, needs: &Needs, figures: &Figures) -> Vec<Advice> {
    let weigh_one = |choice: Choice| {
        let measured = figures.of(choice.mechanism, needs.size);
        let missed = measured.as_ref().map(|m| missed(m, needs)).unwrap_or_default();
        Advice { choice, measured, missed }
    };
    let mut advice: Vec<_> = choices.into_iter().map(weigh_one).collect();
    advice.sort_by_key(|one| !one.missed.is_empty());
    advice
}

fn missed(measured: &Measured, needs: &Needs) -> Vec<String> {
    let mut missed = Vec::new();
    if let (Some(wanted), Some(took)) = (needs.latency, measured.round_trip_ns) {
        if took > wanted {
            let (took, wanted) = (units::time(took), units::time(wanted));
            missed.push(format!("there and back took {took}, wanted {wanted}"));
        }
    }
    if let (Some(wanted), Some(reached)) = (needs.rate, measured.per_second) {
        if reached < wanted {
            let (reached, wanted) = (units::rate(reached), units::rate(wanted));
            missed.push(format!("reached {reached}, wanted {wanted}"));
        }
    }
    missed
}

fn explain(place: usize, one: &Advice, workspace: &Workspace) -> Vec<String> {
    let mechanism = one.choice.mechanism;
    let mut lines = vec![String::new(), format!("{place}. {}", short(one))];
    let mut point = |name: &str, text: &str| {
        for (index, part) in wrapped(text).into_iter().enumerate() {
            lines.push(format!("   {:<10}{part}", if index == 0 { name } else { "" }));
        }
    };
    if one.choice.reasons.is_empty() {
        point("why", "it can do this");
    }
    one.choice.reasons.iter().for_each(|why| point("why", why));
    point("carries", mechanism.amount);
    point("between", mechanism.between);
    point("sync", mechanism.sync);
    point("death", &mechanism.death.replace('`', ""));
    match &one.measured {
        Some(measured) => point("measured", &measured.text),
        None => point("measured", "not yet: cargo xtask bench"),
    }
    one.missed.iter().for_each(|missed| point("too slow", missed));
    point("start", &format!("cargo add --path crates/{}", mechanism.krate));
    let code = start::lines(&workspace.root, mechanism.key, mechanism.krate);
    lines.push(String::new());
    lines.extend(code.iter().map(|line| format!("       {line}").trim_end().to_owned()));
    lines
}

/// The text in lines that fit a terminal of 80 columns, behind a margin of 13.
fn wrapped(text: &str) -> Vec<String> {
    const WIDTH: usize = 67;
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + word.chars().count() > WIDTH {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            let space = if line.is_empty() { "" } else { " " };
            *line += &format!("{space}{word}");
        }
    }
    lines
}

fn short(one: &Advice) -> String {
    let mechanism = one.choice.mechanism;
    let slow = if one.missed.is_empty() { "" } else { ", too slow when it was measured" };
    format!("{} ({}){slow}", mechanism.name, mechanism.krate)
}

#[cfg(test)]
mod tests {
    use super::figures::Figures;
    use super::needs::Needs;
    use super::rules::rank;
    use super::{ask, command, weigh};
    use crate::bench::saved::last;
    use crate::bench::saved::tests::{row, run};
    use crate::crates::Workspace;
    use crate::scratch::Scratch;

    #[test]
    fn questions_are_asked_until_they_are_answered() {
        let mut needs = Needs::default();
        let mut output = Vec::new();
        let mut input = "\nrelatives\nlots\n4K\n\n\n\n\n\n\n".as_bytes();
        ask(&mut needs, &mut input, &mut output).unwrap();
        assert_eq!(needs, Needs { relatives: true, size: 4096, ..Needs::default() });
        assert!(String::from_utf8(output).unwrap().contains("`lots` is no number of bytes"));
        let ended = ask(&mut needs, &mut "yes\n".as_bytes(), &mut Vec::new());
        assert_eq!(ended, Err("no more answers".to_owned()));
    }

    #[test]
    fn what_was_measured_too_slow_goes_to_the_end() {
        let dir = Scratch::new("choose").unwrap();
        let workspace = Workspace { root: dir.path().to_owned(), packages: Vec::new() };
        let case = "pipe round-trip 64 B busy";
        let measured = run(&[row("ipc-pipe", case, "ipc-pipe", "ours", 64, 50_000.0)]);
        measured.save(&last(&workspace)).unwrap();
        let figures = Figures::load(&workspace);
        let first = |latency| {
            let needs = Needs { relatives: true, latency, ..Needs::default() };
            weigh(rank(&needs).choices, &needs, &figures)
        };
        assert_eq!(first(None)[0].choice.mechanism.key, "pipe");
        let advice = first(Some(20e3));
        let slow = advice.last().unwrap();
        assert_eq!(slow.choice.mechanism.key, "pipe");
        assert_eq!(slow.missed, ["there and back took 50.0 us, wanted 20.0 us"]);
    }

    #[test]
    fn long_lines_are_wrapped_between_words() {
        let text = "word ".repeat(30);
        let lines = super::wrapped(text.trim_end());
        assert!(lines.len() == 3 && lines.iter().all(|line| line.len() <= 67), "{lines:?}");
        assert_eq!(super::wrapped("short"), ["short"]);
    }

    #[test]
    fn every_flag_takes_a_value_and_has_a_usual_one() {
        command().debug_assert();
        let words = ["choose", "--size", "4K", "--order", "priority"];
        let matches = command().get_matches_from(words);
        assert_eq!(matches.get_one::<String>("size").unwrap(), "4K");
        assert!(command().try_get_matches_from(["choose", "--size"]).is_err());
    }
}
