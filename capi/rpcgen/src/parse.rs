//! Reads the language.
//!
//! ```text
//! file    = { line | struct }             line: one that begins with '#', handed on
//! struct  = "struct" NAME "{" { entry } "}" [";"]
//! entry   = ["optional" | "array"] type NAME ["[" LENGTH "]"] "=" TAG ";"
//! type    = "int" | "int64" | "string" | "bytes" | "struct" "[" NAME "]"
//! ```

use crate::Error;
use crate::model::{Entry, Kind, Often, Part, Source, Struct};

/// The longest file that is read, and the most entries of a struct.
const MAX_BYTES: usize = 16 << 20;

/// A word or a sign, and its line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Sign(char),
    /// A line of the preprocessor.
    Line(String),
}

impl Token {
    fn text(&self) -> String {
        match self {
            Token::Word(word) => format!("\"{word}\""),
            Token::Sign(sign) => format!("\"{sign}\""),
            Token::Line(_) => "a line of the preprocessor".into(),
        }
    }
}

/// Reads a file.
///
/// # Errors
/// The first place where it is not as the language demands.
pub fn parse(text: &str) -> Result<Source, Error> {
    if text.len() > MAX_BYTES {
        return Err(Error { line: 1, what: format!("expected at most {MAX_BYTES} bytes, found {}", text.len()) });
    }
    let mut reader = Reader { tokens: tokens(text)?, at: 0 };
    let mut source = Source::default();
    while let Some((line, token)) = reader.next() {
        match token {
            Token::Line(text) => source.parts.push(Part::Line(text)),
            Token::Word(word) if word == "struct" => source.parts.push(Part::Struct(reader.structure(line)?)),
            other => return Err(reader.wrong(line, "\"struct\" or a line that begins with #", &other)),
        }
    }
    Ok(source)
}

/// The tokens with their lines; comments are none.
fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Error> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut fresh = true;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c == '\n' {
            line += 1;
            fresh = true;
            rest = &rest[1..];
        } else if c.is_whitespace() {
            rest = &rest[c.len_utf8()..];
        } else if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if let Some(body) = rest.strip_prefix("/*") {
            let end = body.find("*/").ok_or(Error { line, what: "expected \"*/\", found the file's end".into() })?;
            line += body[..end].matches('\n').count();
            rest = &body[end + 2..];
        } else if c == '#' && fresh {
            let (text, lines, left) = directive(rest);
            found.push((line, Token::Line(text)));
            line += lines;
            rest = left;
        } else if c.is_ascii_alphanumeric() || c == '_' {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
            found.push((line, Token::Word(rest[..end].into())));
            rest = &rest[end..];
            fresh = false;
        } else if "{}[]=;".contains(c) {
            found.push((line, Token::Sign(c)));
            rest = &rest[1..];
            fresh = false;
        } else {
            return Err(Error { line, what: format!("expected a name, a number or one of {{}}[]=; found {c:?}") });
        }
    }
    Ok(found)
}

/// A directive with the lines that continue it, how many those are, and what follows. A comment at its end goes along.
fn directive(text: &str) -> (String, usize, &str) {
    let mut end = 0;
    let mut lines = 0;
    loop {
        let stop = text[end..].find('\n').map_or(text.len(), |n| end + n);
        if !text[..stop].trim_end_matches('\r').ends_with('\\') || stop == text.len() {
            return (text[..stop].trim_end().into(), lines, &text[stop..]);
        }
        end = stop + 1;
        lines += 1;
    }
}

struct Reader {
    tokens: Vec<(usize, Token)>,
    at: usize,
}

impl Reader {
    fn next(&mut self) -> Option<(usize, Token)> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    /// The next token, which must be there.
    fn need(&mut self, expected: &str) -> Result<(usize, Token), Error> {
        let last = self.tokens.last().map_or(1, |(line, _)| *line);
        let what = || format!("expected {expected}, found the file's end");
        self.next().ok_or_else(|| Error { line: last, what: what() })
    }

    fn wrong(&self, line: usize, expected: &str, found: &Token) -> Error {
        Error { line, what: format!("expected {expected}, found {}", found.text()) }
    }

    fn sign(&mut self, sign: char) -> Result<usize, Error> {
        let expected = format!("\"{sign}\"");
        match self.need(&expected)? {
            (line, Token::Sign(c)) if c == sign => Ok(line),
            (line, other) => Err(self.wrong(line, &expected, &other)),
        }
    }

    fn name(&mut self, what: &str) -> Result<(usize, String), Error> {
        match self.need(what)? {
            (line, Token::Word(word)) if !word.starts_with(|c: char| c.is_ascii_digit()) => Ok((line, word)),
            (line, other) => Err(self.wrong(line, what, &other)),
        }
    }

    fn structure(&mut self, line: usize) -> Result<Struct, Error> {
        let (_, name) = self.name("the struct's name")?;
        self.sign('{')?;
        let mut entries = Vec::new();
        loop {
            match self.need("an entry or \"}\"")? {
                (_, Token::Sign('}')) => break,
                (line, Token::Word(word)) => entries.push(self.entry(line, word)?),
                (line, other) => return Err(self.wrong(line, "an entry or \"}\"", &other)),
            }
        }
        if let Some((_, Token::Sign(';'))) = self.tokens.get(self.at) {
            self.at += 1;
        }
        Ok(Struct { name, line, entries })
    }

    fn entry(&mut self, line: usize, first: String) -> Result<Entry, Error> {
        let (often, word) = match first.as_str() {
            "optional" => (Often::Optional, self.name("a type")?.1),
            "array" => (Often::Array, self.name("a type")?.1),
            _ => (Often::Once, first),
        };
        let mut kind = match word.as_str() {
            "int" => Kind::Int,
            "int64" => Kind::Int64,
            "string" => Kind::Text,
            "bytes" => Kind::Bytes,
            "struct" => {
                self.sign('[')?;
                let (_, name) = self.name("the name of a struct")?;
                self.sign(']')?;
                Kind::Nested(name)
            }
            "optional" | "array" => {
                return Err(Error {
                    line,
                    what: format!("expected a type, found {word:?}: one of optional and array"),
                });
            }
            _ => {
                let types = "int, int64, string, bytes or struct[NAME]";
                return Err(Error { line, what: format!("expected {types}, found {word:?}") });
            }
        };
        let (_, name) = self.name("the entry's name")?;
        let (mut at, mut sign) = self.need("\"=\"")?;
        if sign == Token::Sign('[') {
            if kind != Kind::Bytes {
                return Err(Error { line: at, what: "expected \"=\", found \"[\": only bytes have a length".into() });
            }
            kind = Kind::Fixed(self.length()?);
            self.sign(']')?;
            (at, sign) = self.need("\"=\"")?;
        }
        if sign != Token::Sign('=') {
            return Err(self.wrong(at, "\"=\"", &sign));
        }
        let tag = self.tag()?;
        self.sign(';')?;
        if often == Often::Array && matches!(kind, Kind::Bytes | Kind::Fixed(_)) {
            return Err(Error {
                line,
                what: "expected int, int64, string or struct[NAME] in an array, found bytes".into(),
            });
        }
        Ok(Entry { name, line, tag, kind, often })
    }

    /// A number above 0, or a name of the preprocessor.
    fn length(&mut self) -> Result<String, Error> {
        let expected = "a length: a number from 1 on, or a name";
        let (line, token) = self.need(expected)?;
        match &token {
            Token::Word(word) if !word.starts_with(|c: char| c.is_ascii_digit()) => Ok(word.clone()),
            Token::Word(word) => match number(word) {
                Some(n) if n > 0 && n <= MAX_BYTES as u64 => Ok(n.to_string()),
                _ => Err(self.wrong(line, expected, &token)),
            },
            _ => Err(self.wrong(line, expected, &token)),
        }
    }

    fn tag(&mut self) -> Result<u32, Error> {
        let expected = "a tag: a number of 32 bits, decimal or hexadecimal";
        let (line, token) = self.need(expected)?;
        let tag = match &token {
            Token::Word(word) => number(word).and_then(|n| u32::try_from(n).ok()),
            _ => None,
        };
        tag.ok_or_else(|| self.wrong(line, expected, &token))
    }
}

fn number(word: &str) -> Option<u64> {
    match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => word.parse().ok(),
    }
}
