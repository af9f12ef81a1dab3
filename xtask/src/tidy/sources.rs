//! Rules that the text of a file can break.

use super::SourceFile;

/// Longest file of Rust, in lines.
const LONGEST: usize = 400;

/// The same for tests, which are lists of cases more than code.
const LONGEST_TEST: usize = 600;

/// Parts of host names of package and registry mirrors: the mirror is the machine's affair.
const MIRRORS: &[&str] = &[
    "deb.debian",
    "archive.ubuntu",
    "security.debian",
    "ftp.debian",
    "nexus",
    "artifactory",
];

/// Everything that is wrong with `files`.
pub fn check(files: &[SourceFile]) -> Vec<String> {
    files
        .iter()
        .flat_map(|file| {
            [
                length(file),
                processes(file),
                unsafe_code(file),
                mirrors(file),
            ]
        })
        .flatten()
        .collect()
}

fn length(file: &SourceFile) -> Option<String> {
    let lines = file.text.lines().count();
    let longest = if is_test(file) { LONGEST_TEST } else { LONGEST };
    let too_long = is_rust(file) && lines > longest;
    too_long.then(|| {
        format!(
            "{} has {lines} lines: at {longest}, look for the seam",
            file.path.display()
        )
    })
}

/// Processes are started in one crate, so that one place knows how to say that a program is missing.
fn processes(file: &SourceFile) -> Option<String> {
    let found = line(file, |code| {
        code.contains("process::Command") || code.contains("Command::new(")
    })?;
    let exempt = ["crates/bedplate-sys/", "xtask/"]
        .iter()
        .any(|part| file.path.starts_with(part));
    // clap has a `Command`, too.
    let claps = file.text.contains("clap::Command") && !file.text.contains("process::Command");
    (is_rust(file) && !exempt && !claps && !is_test(file)).then(|| {
        format!(
            "{}:{found}: processes are started through bedplate_sys::tool",
            file.path.display()
        )
    })
}

fn unsafe_code(file: &SourceFile) -> Option<String> {
    let found = line(file, |code| {
        code.contains("unsafe {") || code.contains("unsafe fn") || code.contains("unsafe impl")
    })?;
    let exempt =
        file.path.starts_with("crates/bedplate-sys/") || file.path.starts_with("xtask/src/tidy/");
    (is_rust(file) && !exempt).then(|| {
        format!(
            "{}:{found}: `unsafe` belongs into bedplate-sys",
            file.path.display()
        )
    })
}

fn mirrors(file: &SourceFile) -> Option<String> {
    if file.path.starts_with("xtask/src/tidy/") {
        return None;
    }
    let found = file
        .text
        .lines()
        .position(|line| MIRRORS.iter().any(|mirror| line.contains(mirror)))?;
    Some(format!(
        "{}:{}: the host name of a mirror",
        file.path.display(),
        found + 1
    ))
}

/// The number of the first line of code that `breaks` a rule.
fn line(file: &SourceFile, breaks: impl Fn(&str) -> bool) -> Option<usize> {
    let code = |line: &&str| !line.trim_start().starts_with("//");
    let found = file
        .text
        .lines()
        .enumerate()
        .find(|(_, line)| code(line) && breaks(line))?;
    Some(found.0 + 1)
}

fn is_rust(file: &SourceFile) -> bool {
    file.path
        .extension()
        .is_some_and(|extension| extension == "rs")
}

fn is_test(file: &SourceFile) -> bool {
    file.path
        .components()
        .any(|part| part.as_os_str() == "tests" || part.as_os_str() == "fuzz")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> usize {
        check(&[SourceFile {
            path: path.into(),
            text: text.into(),
        }])
        .len()
    }

    #[test]
    fn each_rule_finds_what_breaks_it() {
        let start = "let x = std::process::Command::new(\"ls\");\n";
        assert_eq!(findings("crates/bedplate-build/src/a.rs", start), 1);
        assert_eq!(findings("crates/bedplate-sys/src/a.rs", start), 0);
        assert_eq!(
            findings("crates/bedplate-build/src/a.rs", "unsafe { x() }\n"),
            1
        );
        assert_eq!(
            findings("crates/bedplate-build/src/a.rs", "// unsafe { x() }\n"),
            0
        );
        assert_eq!(
            findings("crates/bedplate-build/src/a.rs", &"\n".repeat(401)),
            1
        );
        assert_eq!(
            findings("crates/bedplate-build/tests/a.rs", &"\n".repeat(401)),
            0
        );
        assert_eq!(findings("docs/a.md", &"\n".repeat(401)), 0);
        assert_eq!(
            findings("docs/a.md", &format!("http://{}.org/\n", MIRRORS[0])),
            1
        );
    }
}
