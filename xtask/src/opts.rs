//! The command line: `--name value`, `--flag` and plain words.

/// What was given after the task's name.
#[derive(Clone, Debug, Default)]
pub struct Opts {
    words: Vec<String>,
    named: Vec<(String, String)>,
}

/// Options that take no value.
const FLAGS: &[&str] = &["valgrind", "stock-only", "keep-going", "no-build", "quick", "kv", "root"];

impl Opts {
    /// Reads the arguments that follow the task.
    pub fn parse(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut opts = Opts::default();
        let mut args = args;
        while let Some(arg) = args.next() {
            let Some(name) = arg.strip_prefix("--") else {
                opts.words.push(arg);
                continue;
            };
            if FLAGS.contains(&name) {
                opts.named.push((name.into(), String::new()));
            } else if let Some((name, value)) = name.split_once('=') {
                opts.named.push((name.into(), value.into()));
            } else {
                let value = args.next().ok_or_else(|| format!("--{name} needs a value"))?;
                opts.named.push((name.into(), value));
            }
        }
        Ok(opts)
    }

    /// Whether the flag was given.
    pub fn flag(&self, name: &str) -> bool {
        self.named.iter().any(|(n, _)| n == name)
    }

    /// The last value given for `--name`.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.named.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The value of `--name`, which must be one of `known`; the first of them where it was not given.
    pub fn choice(&self, name: &str, known: &[&'static str]) -> Result<&'static str, String> {
        match self.value(name) {
            None => Ok(known[0]),
            Some(v) => {
                known.iter().find(|k| **k == v).copied().ok_or_else(|| format!("--{name}: one of {}", known.join(", ")))
            }
        }
    }

    /// A copy with one more option, for tasks that call tasks.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.named.push((name.into(), value.into()));
        self
    }

    /// The words that are not options.
    pub fn words(&self) -> &[String] {
        &self.words
    }
}
