//! Programs whose traces must agree.

use std::path::Path;

use super::{Plan, build, head};
use crate::cc;
use crate::ctest::cases::Differences;
use crate::proc::{self, Done, Tally};

/// What a seed showed.
enum Seed {
    Equal,
    /// The original crashed or hung, or ended the process because it found itself in disorder (`[err]`).
    NoReference(String),
    Differs(String),
}

impl Plan {
    /// Runs `name` with each seed on both libraries.
    pub(super) fn differing(&self, name: &str, seeds: &[u64]) -> Result<Tally, String> {
        let program = build(name)?;
        let known = Differences::read(&super::dir().join("differences.txt"))?;
        cc::stock_lib(super::source(name).1.stock)?;
        let (mut tally, mut none, mut wanted, mut tried) = (Tally::default(), 0, 0, 0);
        // In batches, so that a fuzzer which differs everywhere ends early.
        for batch in seeds.chunks(4 * proc::jobs()) {
            let found = proc::parallel(batch, |seed| self.seed(&program, *seed));
            for (seed, found) in batch.iter().zip(found) {
                tried += 1;
                match found? {
                    Seed::Equal => {
                        tally.passed += 1;
                        if self.method.is_none() && known.find("", name, &seed.to_string()).is_some() {
                            println!("{name}: seed {seed}: listed as different, and equal");
                        }
                    }
                    Seed::NoReference(how) => {
                        none += 1;
                        if self.show > 8 {
                            println!("{name}: seed {seed}: the original ends with {how}");
                        }
                    }
                    Seed::Differs(text) => match known.find(self.method.unwrap_or(""), name, &seed.to_string()) {
                        Some(_) => wanted += 1,
                        None => {
                            println!("{name}: seed {seed} differs {text}");
                            tally.failed += 1;
                        }
                    },
                }
            }
            if tally.failed >= self.stop {
                break;
            }
        }
        let on = self.method.map_or(String::new(), |m| format!(" on {m}"));
        println!(
            "{name}{on}: {tried} seeds from {}, {} operations each: {} differ, {wanted} wanted, {none} without a reference",
            seeds.first().copied().unwrap_or_default(),
            self.ops,
            tally.failed
        );
        Ok(tally)
    }

    fn seed(&self, program: &Path, seed: u64) -> Result<Seed, String> {
        // The seed of `edge` is a case.
        let args = [seed.to_string(), self.ops.to_string()];
        let stock = self.run(program, &args, None)?;
        let gave_up = !stock.ok() && stock.err.lines().last().is_some_and(|line| line.starts_with("[err] "));
        if gave_up || stock.status.is_none_or(|s| s.code().is_none()) {
            return Ok(Seed::NoReference(stock.how()));
        }
        let ours = self.run(program, &args, Some(&self.dist.lib()))?;
        if stock.status == ours.status && stock.out == ours.out {
            return Ok(Seed::Equal);
        }
        Ok(Seed::Differs(self.explain(&stock, &ours)))
    }

    /// Where two traces part, with what comes before and after.
    fn explain(&self, stock: &Done, ours: &Done) -> String {
        let (a, b): (Vec<&str>, Vec<&str>) = (stock.out.lines().collect(), ours.out.lines().collect());
        let at = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
        let mut text = format!("(original {}, ours {}), line {}\n", stock.how(), ours.how(), at + 1);
        for line in &a[at.saturating_sub(self.show)..at] {
            text.push_str(&format!("      {line}\n"));
        }
        for (mark, side) in [('-', &a), ('+', &b)] {
            for line in side.iter().skip(at).take(self.show.div_ceil(2)) {
                text.push_str(&format!("    {mark} {line}\n"));
            }
        }
        text + &head(&ours.err, self.show)
    }
}
