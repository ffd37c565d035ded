//! What a file says.

/// A file: lines that are handed on, and structs, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The parts, in the file's order.
    pub parts: Vec<Part>,
}

/// One part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A line of the preprocessor, handed on to the header.
    Line(String),
    /// A struct.
    Struct(Struct),
}

/// A struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Struct {
    /// Its name.
    pub name: String,
    /// Its line.
    pub line: usize,
    /// Its entries.
    pub entries: Vec<Entry>,
}

/// One entry of a struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its line.
    pub line: usize,
    /// Its tag.
    pub tag: u32,
    /// Its type.
    pub kind: Kind,
    /// How often it comes.
    pub often: Often,
}

/// How often an entry comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Often {
    /// Once.
    Once,
    /// Once, or not.
    Optional,
    /// Any number of times.
    Array,
}

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 32 bits.
    Int,
    /// 64 bits.
    Int64,
    /// Text that ends in a zero byte.
    Text,
    /// Bytes of any number.
    Bytes,
    /// As many bytes as a number or a name of the preprocessor says.
    Fixed(String),
    /// Another struct.
    Nested(String),
}

impl Source {
    /// The structs.
    pub fn structs(&self) -> impl Iterator<Item = &Struct> {
        self.parts.iter().filter_map(|p| match p {
            Part::Struct(s) => Some(s),
            Part::Line(_) => None,
        })
    }

    /// Whether the file itself defines a struct.
    pub fn defines(&self, name: &str) -> bool {
        self.structs().any(|s| s.name == name)
    }
}

impl Struct {
    /// The tag's constant.
    pub fn constant(&self, entry: &Entry) -> String {
        format!("{}_{}", self.name, entry.name).to_uppercase()
    }
}

impl Entry {
    /// Whether a message is incomplete without it.
    pub fn is_required(&self) -> bool {
        self.often == Often::Once && self.kind != Kind::Bytes
    }

    /// Whether it is an array.
    pub fn is_array(&self) -> bool {
        self.often == Often::Array
    }

    /// The C type of a value, with a space behind where a name may follow.
    pub fn value(&self) -> String {
        match &self.kind {
            Kind::Int => "ev_uint32_t ".into(),
            Kind::Int64 => "ev_uint64_t ".into(),
            Kind::Text => "char *".into(),
            Kind::Bytes | Kind::Fixed(_) => "ev_uint8_t *".into(),
            Kind::Nested(name) => format!("struct {name} *"),
        }
    }

    /// The C type of a value that is given.
    pub fn given(&self) -> String {
        format!("const {}", self.value())
    }
}
