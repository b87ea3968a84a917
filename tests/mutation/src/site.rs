//! The places in a source file that can be mutated, and the text edits that put the mutants behind switches.

use std::ops::Range;

/// A single small fault.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// Path of the source file below the project's root, such as `src/store/part.rs`.
    pub file: String,
    /// Modules, types and functions that enclose the mutant, joined by `::`.
    pub function: String,
    /// Name of the mutation operator.
    pub operator: &'static str,
    /// Original text, on one line and shortened.
    pub original: String,
    /// Text that stands in its place, on one line and shortened.
    pub replacement: String,
    /// Line of the original text, from 1.
    pub line: usize,
    /// Column of the original text in characters, from 1.
    pub column: usize,
    /// Which of several mutants in the same function that read the same, from 1.
    pub occurrence: usize,
    /// First and last line of the enclosing function.
    pub lines: (usize, usize),
    /// Hash of the enclosing function's text.
    pub hash: u64,
}

impl Mutant {
    /// Identity across edits elsewhere in the file; the lines of `accepted.txt` begin with it.
    pub fn id(&self) -> String {
        self.described(&self.file)
    }

    /// Identity with line and column after the file.
    pub fn located(&self) -> String {
        self.described(&format!("{}:{}:{}", self.file, self.line, self.column))
    }

    /// Key of the verdict: an edit of the function makes it a different mutant.
    pub fn key(&self) -> String {
        format!("{} @{:016x}", self.id(), self.hash)
    }

    fn described(&self, place: &str) -> String {
        let Self { function, operator, original, replacement, occurrence, .. } = self;
        let nth = if *occurrence > 1 { format!("#{occurrence}") } else { String::new() };
        format!("{place} {function}: {operator}{nth}: {original} → {replacement}")
    }
}

/// How the mutants of a site are woven into the text. Numbers are indices into the file's mutants.
#[derive(Clone, Debug)]
pub enum Shape {
    /// Another expression in place of the one in the range: `(if on(1) { A } else { ORIGINAL })`.
    Choose(Vec<(usize, String)>),
    /// The same in braces, for the body of a match arm.
    ChooseBody(Vec<(usize, String)>),
    /// A condition made always true or always false.
    Force { yes: Option<usize>, no: Option<usize>, braces: bool },
    /// A condition turned round.
    Negate(usize),
    /// A statement left out.
    Skip(usize),
    /// A condition that contains `let` made always false; inserted in front of it.
    Never(usize),
    /// A match arm that never matches; inserted behind its pattern.
    Unmatched(usize),
    /// A value returned at once; inserted behind a body's opening brace.
    Return(Vec<(usize, String)>),
    /// A predicate given by name that is always true.
    Predicate(usize),
}

impl Shape {
    /// Every mutant of the site.
    pub fn mutants(&self) -> Vec<usize> {
        match self {
            Self::Choose(arms) | Self::ChooseBody(arms) | Self::Return(arms) => arms.iter().map(|arm| arm.0).collect(),
            Self::Force { yes, no, .. } => yes.iter().chain(no).copied().collect(),
            Self::Negate(one) | Self::Skip(one) | Self::Never(one) | Self::Unmatched(one) | Self::Predicate(one) => {
                vec![*one]
            }
        }
    }
}

/// An edit of the text in the range; the text in the range itself stays.
#[derive(Clone, Debug)]
pub struct Edit {
    pub range: Range<usize>,
    pub shape: Shape,
}

/// What a file offers.
#[derive(Debug, Default)]
pub struct Found {
    pub mutants: Vec<Mutant>,
    pub edits: Vec<Edit>,
}

/// The text on one line, shortened in the middle where it is long.
pub fn short(text: &str) -> String {
    const HALF: usize = 50;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let letters: Vec<char> = line.chars().collect();
    if letters.len() <= 2 * HALF + 3 {
        return line;
    }
    let head: String = letters[..HALF].iter().collect();
    let tail: String = letters[letters.len() - HALF..].iter().collect();
    format!("{} … {}", head.trim_end(), tail.trim_start())
}

/// FNV-1a: the same on every platform and with every compiler.
pub fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
