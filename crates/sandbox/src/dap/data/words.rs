//! Words for the text columns: pronounceable, of realistic length, and nobody's name.

use std::borrow::Cow;
use std::fmt::Write;

use crate::draw::Draw;

const SYLLABLES: [&str; 32] = [
    "ba", "bel", "ca", "cor", "da", "del", "en", "fa", "gal", "hi", "il", "jo", "ka", "lin", "lo",
    "ma", "mir", "na", "nel", "or", "pa", "quin", "ra", "ro", "sa", "sol", "ta", "tor", "u", "va",
    "wen", "zi",
];

const SUBJECTS: [&str; 16] = [
    "Algebra",
    "Anatomy",
    "Astronomy",
    "Biology",
    "Chemistry",
    "Drama",
    "Ecology",
    "Economics",
    "Geology",
    "Geometry",
    "History",
    "Linguistics",
    "Logic",
    "Music",
    "Physics",
    "Statistics",
];

const NOUNS: [&str; 24] = [
    "answer", "method", "chapter", "result", "model", "garden", "river", "question", "proof",
    "measure", "story", "machine", "paper", "theory", "sample", "signal", "market", "letter",
    "pattern", "field", "session", "source", "number", "table",
];

const VERBS: [&str; 12] = [
    "explains",
    "follows",
    "shows",
    "changes",
    "needs",
    "supports",
    "describes",
    "contradicts",
    "extends",
    "repeats",
    "measures",
    "summarises",
];

fn capitalized(draw: &mut Draw) -> String {
    let mut word: String = (0..2 + draw.below(2)).map(|_| draw.pick(&SYLLABLES)).collect();
    word[..1].make_ascii_uppercase();
    word
}

/// `Balin Sorado`.
pub(crate) fn name(draw: &mut Draw) -> String {
    format!("{} {}", capitalized(draw), capitalized(draw))
}

/// `Sorado, Balin`.
pub(crate) fn sortable_name(draw: &mut Draw) -> String {
    format!("{}, {}", capitalized(draw), capitalized(draw))
}

/// An address in a domain that is reserved for examples.
pub(crate) fn email(draw: &mut Draw) -> String {
    format!("{}.{}{}@example.edu", capitalized(draw), capitalized(draw), draw.below(1_000))
        .to_ascii_lowercase()
}

/// `Geology 204`.
pub(crate) fn title(draw: &mut Draw) -> String {
    format!("{} {}", draw.pick(&SUBJECTS), 100 + draw.below(400))
}

/// `SIS-4A81C0`.
pub(crate) fn code(draw: &mut Draw) -> String {
    format!("SIS-{:06X}", draw.below(0x0100_0000))
}

/// 40 hexadecimal digits.
pub(crate) fn token(draw: &mut Draw) -> String {
    format!("{:016x}{:016x}{:08x}", draw.next(), draw.next(), draw.next() >> 32)
}

/// One word.
pub(crate) fn short(draw: &mut Draw) -> &'static str {
    draw.pick(&NOUNS)
}

/// A number, a percentage or a letter.
pub(crate) fn grade(draw: &mut Draw) -> Cow<'static, str> {
    match draw.below(3) {
        0 => Cow::Borrowed(draw.pick(&["A", "A-", "B+", "B", "C", "D", "F", "complete"])),
        1 => format!("{}%", draw.below(101)).into(),
        _ => draw.below(101).to_string().into(),
    }
}

/// `The method explains the garden.`
pub(crate) fn sentence(draw: &mut Draw) -> String {
    let mut out = String::new();
    push_sentence(&mut out, draw);
    out
}

fn push_sentence(out: &mut String, draw: &mut Draw) {
    let (subject, verb, object) = (draw.pick(&NOUNS), draw.pick(&VERBS), draw.pick(&NOUNS));
    write!(out, "The {subject} {verb} the {object}.").expect("writing to a String cannot fail");
}

/// A few short paragraphs.
pub(crate) fn html(draw: &mut Draw) -> String {
    let mut out = String::new();
    for _ in 0..=draw.below(4) {
        out.push_str("<p>");
        push_sentence(&mut out, draw);
        out.push_str("</p>");
    }
    out
}

/// `proof-3817.pdf`.
pub(crate) fn file_name(draw: &mut Draw) -> String {
    let extension = draw.pick(&["pdf", "docx", "png", "txt"]);
    format!("{}-{}.{extension}", short(draw), draw.below(10_000))
}

/// A path below a host that is reserved for examples.
pub(crate) fn url(draw: &mut Draw) -> String {
    format!("https://canvas.example.edu/courses/{}/{}", draw.below(100_000), short(draw))
}

/// A browser's self-description.
pub(crate) fn user_agent(draw: &mut Draw) -> String {
    let system = draw.pick(&[
        "Windows NT 10.0; Win64; x64",
        "Macintosh; Intel Mac OS X 10_15_7",
        "X11; Linux x86_64",
    ]);
    format!("Mozilla/5.0 ({system}) Browser/{}.0", 90 + draw.below(50))
}
