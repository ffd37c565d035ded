//! Answers kept for as long as they may be, keyed by name, type, class and the flags that change an answer.

use super::answer::{Answer, Failure};
use super::{NoMemory, Random, try_boxed};
use alloc::boxed::Box;
use core::hash::BuildHasher;
use hashbrown::HashMap;

/// Hashes with a secret, so that nobody can choose names that collide.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seed(u64, u64);

impl Seed {
    pub(crate) fn draw(random: &mut impl Random) -> Self {
        let mut seed = [0; 16];
        random.fill(&mut seed);
        let (one, two) = seed.split_at(8);
        let word = |bytes: &[u8]| bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        Self(word(one), word(two))
    }
}

mod sip {
    #![expect(deprecated, reason = "what replaces it is part of the standard library only")]

    pub type Hasher = core::hash::SipHasher;

    impl super::BuildHasher for super::Seed {
        type Hasher = Hasher;

        fn build_hasher(&self) -> Hasher {
            Hasher::new_with_keys(self.0, self.1)
        }
    }
}

/// What a request is about: two requests of equal keys have equal answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey {
    /// In lower case.
    name: Box<[u8]>,
    qtype: u16,
    class: u16,
    flags: u8,
}

impl CacheKey {
    pub(crate) fn new(name: &[u8], qtype: u16, class: u16, flags: u8) -> Option<Self> {
        let mut name = try_boxed(name).ok()?;
        name.make_ascii_lowercase();
        Some(Self { name, qtype, class, flags })
    }

    pub(crate) fn try_clone(&self) -> Result<Self, NoMemory> {
        Ok(Self { name: try_boxed(&self.name)?, ..*self })
    }
}

#[derive(Debug)]
struct Kept {
    until: u64,
    result: Result<Answer, Failure>,
}

/// The longest that anything is kept, in seconds.
const MAX_TTL: u32 = 86_400;
/// The longest that a negative answer is kept (RFC 2308 advises one to three hours at most).
const MAX_NEGATIVE: u32 = 3600;
const SECOND: u64 = 1_000_000_000;

/// A bounded cache.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    kept: HashMap<CacheKey, Kept, Seed>,
    cap: usize,
}

impl Cache {
    pub(crate) fn new(cap: usize, random: &mut impl Random) -> Self {
        Self { kept: HashMap::with_hasher(Seed::draw(random)), cap }
    }

    pub(crate) const fn is_off(&self) -> bool {
        self.cap == 0
    }

    pub(crate) fn clear(&mut self) {
        self.kept.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// What is known, its TTL counted down.
    pub(crate) fn find(&mut self, key: &CacheKey, now: u64) -> Option<Result<Answer, Failure>> {
        let kept = self.kept.get(key)?;
        if kept.until <= now {
            self.kept.remove(key);
            return None;
        }
        let left = u32::try_from((kept.until - now).div_ceil(SECOND)).unwrap_or(MAX_TTL);
        Some(match &kept.result {
            Ok(answer) => Ok(answer.with_ttl(left)),
            Err(Failure::NxDomain(_)) => Err(Failure::NxDomain(left)),
            Err(_) => Err(Failure::NoData(left)),
        })
    }

    /// Keeps an answer, or that there is none; nothing else. Without memory it is not kept.
    pub(crate) fn keep(&mut self, key: CacheKey, result: &Result<Answer, Failure>, now: u64) {
        let ttl = match result {
            Ok(answer) => answer.ttl.min(MAX_TTL),
            Err(Failure::NxDomain(ttl) | Failure::NoData(ttl)) => (*ttl).min(MAX_NEGATIVE),
            Err(_) => 0,
        };
        if ttl == 0 || self.cap == 0 {
            return;
        }
        if self.kept.len() >= self.cap {
            self.make_room(now);
        }
        if self.kept.try_reserve(1).is_err() {
            return;
        }
        let until = now.saturating_add(u64::from(ttl) * SECOND);
        self.kept.insert(key, Kept { until, result: result.clone() });
    }

    /// Drops what has expired; where that is little, an eighth of the rest too.
    fn make_room(&mut self, now: u64) {
        self.kept.retain(|_, kept| kept.until > now);
        let most = self.cap - self.cap.div_ceil(8);
        let mut surplus = self.kept.len().saturating_sub(most);
        self.kept.retain(|_, _| {
            let goes = surplus > 0;
            surplus -= usize::from(goes);
            !goes
        });
    }
}
