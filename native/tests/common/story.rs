//! What has a log promised at each moment? A drawn life of one, on a disk that writes everything down: appended to,
//! flushed, cut, trimmed, compacted, begun anew, closed, killed. Beside it stands a plain list of what it was given.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mqlab::log::disk::Disk;
use mqlab::log::{Durability, FileLog, FileStorage, Options};
use mqlab_core::ids::{Epoch, Offset};
use mqlab_core::log::{Log, LogError, Slice, Storage};
use mqlab_core::record::{Batch, BatchBuilder, Batches, NewRecord};
use mqlab_core::rng::{Rng, Stream};

use super::name;
use super::recorder::{INJECTED, Recorder};

/// A log as it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plain {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) batches: Vec<Batch>,
}

impl Plain {
    /// What a log has.
    pub(crate) fn of(log: &FileLog) -> Result<Self, String> {
        match Self::read(log) {
            // Whoever could not read may try again.
            Err(error) if error.contains(INJECTED) => Self::read(log),
            read => read,
        }
    }

    fn read(log: &FileLog) -> Result<Self, String> {
        let (mut at, mut batches) = (log.start(), Vec::new());
        while at < log.end() {
            let read = log.read(at, log.end(), 2_000).map_err(|error| format!("read at {at}: {error}"))?;
            let read = read.load().map_err(|error| format!("load at {at}: {error}"))?;
            at = read.next().ok_or_else(|| format!("nothing at {at}, below the end {}", log.end()))?;
            batches.extend(read.iter());
        }
        Ok(Self { start: log.start().0, end: log.end().0, batches })
    }

    /// The offset after the last batch that is kept when it is cut at `to`.
    fn kept(&self, to: u64) -> u64 {
        self.batches
            .iter()
            .map(|batch| batch.next().0)
            .take_while(|next| *next <= to)
            .last()
            .unwrap_or(self.start)
    }
}

/// What is being done.
#[derive(Clone, Debug)]
pub(crate) enum Doing {
    /// Nothing; or what changes neither start nor batches: flushing, rolling, opening.
    Nothing,
    Append(Vec<Batch>),
    Truncate(u64),
    Trim(u64),
    Anew(u64),
    /// The log will be that.
    Replace(Plain),
}

/// What a log has promised.
#[derive(Clone, Debug)]
pub(crate) struct Promise {
    /// What it has.
    pub(crate) plain: Plain,
    /// What is below survives a power cut.
    pub(crate) durable: u64,
    pub(crate) doing: Doing,
    /// What was asked for, for who reads about a failure.
    pub(crate) words: String,
}

impl Promise {
    /// Whether a log that was found after a crash is what was promised.
    pub(crate) fn keeps(&self, found: &Plain) -> Result<(), String> {
        let Self { plain, durable, doing, .. } = self;
        let here = plain.start..=plain.start;
        let kept = match doing {
            Doing::Nothing => is_kept(found, &plain.batches, here, *durable),
            Doing::Append(new) => is_kept(found, &[&plain.batches[..], new].concat(), here, *durable),
            Doing::Truncate(to) => is_kept(found, &plain.batches, here, (*durable).min(plain.kept(*to))),
            Doing::Trim(to) => is_kept(found, &plain.batches, plain.start..=plain.start.max(*to), *durable),
            Doing::Anew(at) if found.batches.is_empty() && (found.start == *at || found.start == 0) => Ok(()),
            Doing::Anew(_) => is_kept(found, &plain.batches, here, 0),
            Doing::Replace(new) => is_kept(found, &plain.batches, here.clone(), *durable)
                .or_else(|_| is_kept(found, &new.batches, here, *durable)),
        };
        kept.map_err(|why| {
            let has = |plain: &Plain| {
                let spans = plain.batches.iter().map(|batch| (batch.base().0, batch.next().0));
                format!("{}..{} {:?}", plain.start, plain.end, spans.collect::<Vec<_>>())
            };
            format!("{why}: found {}, of {} durable to {durable} ({})", has(found), has(plain), self.words)
        })
    }
}

/// Whether these are the first of the `batches` from its start on, and at least those below `durable`.
fn is_kept(
    found: &Plain,
    batches: &[Batch],
    starts: std::ops::RangeInclusive<u64>,
    durable: u64,
) -> Result<(), String> {
    if !starts.contains(&found.start) {
        return Err(format!("it starts at {}", found.start));
    }
    if found.end < durable {
        return Err(format!("it ends at {}", found.end));
    }
    let mut wanted = batches.iter().filter(|batch| batch.base().0 >= found.start);
    for batch in &found.batches {
        if wanted.next().is_none_or(|wanted| wanted.bytes() != batch.bytes()) {
            return Err(format!("what is at {} is not what was appended", batch.base()));
        }
    }
    match wanted.next() {
        Some(lost) if lost.next().0 <= durable => Err(format!("the batch at {} is lost", lost.base())),
        Some(next) if next.base().0 < found.end => Err(format!("it ends at {}, within a batch", found.end)),
        _ => Ok(()),
    }
}

/// A batch of so many records, of all lengths, some of zeros.
pub(crate) fn drawn_batch(rng: &mut Rng, base: u64, records: u64) -> Batches {
    let mut builder = BatchBuilder::new();
    for number in 0..records {
        let bytes = [10, 10, 60, 300, 1_500][rng.below(5) as usize];
        let fill = rng.below(3);
        let value: Vec<u8> =
            (0..rng.below(bytes)).map(|_| if fill == 0 { 0 } else { rng.below(256) as u8 }).collect();
        let record = NewRecord {
            timestamp: (base + number) as i64 - 3 + rng.below(6) as i64,
            key: Some(Bytes::from_static(b"k")),
            value: Some(value.into()),
            headers: Default::default(),
        };
        builder.push(&record).expect("a small batch");
    }
    builder.build().stamped(Offset(base), Epoch(rng.below(3) as i32 as _))
}

/// Whether it failed because a process was to die, or a disk to fail.
fn is_asked_for(error: &str) -> bool {
    error.contains("the process ") || error.contains(INJECTED)
}

/// One log's life, and what it promised from which change of the disk on.
pub(crate) struct Story {
    pub(crate) disk: Arc<Recorder>,
    data: PathBuf,
    options: Options,
    rng: Rng,
    open: Option<(FileStorage, FileLog)>,
    plain: Plain,
    durable: u64,
    /// From which change on: after it while something is done, at it when it was done.
    pub(crate) promises: Vec<(usize, Promise)>,
}

impl Story {
    pub(crate) fn new(root: &Path, disk: Arc<Recorder>, seed: u64) -> Self {
        let mut rng = Rng::new(seed, Stream::Workload);
        let segment_bytes = [1, 200, 700, 2_000, 5_000][rng.below(5) as usize];
        let index_interval_bytes = [0, 50, 600][rng.below(3) as usize];
        let options = Options { segment_bytes, index_interval_bytes, ..Options::DEFAULT };
        let data = root.join("data");
        let (plain, promises) = (Plain::default(), Vec::new());
        Self { disk, data, options, rng, open: None, plain, durable: 0, promises }
    }

    fn promise(&mut self, doing: Doing, words: &str) {
        let words = format!("{}: {words}", self.promises.len());
        let promise = Promise { plain: self.plain.clone(), durable: self.durable, doing, words };
        self.promises.push((self.disk.len(), promise));
    }

    /// What was promised when the disk had so many changes.
    pub(crate) fn promised(&self, changes: usize) -> &Promise {
        let holds = |(from, promise): &&(usize, Promise)| {
            *from < changes || *from == changes && matches!(promise.doing, Doing::Nothing)
        };
        let last = self.promises.iter().take_while(|(from, _)| *from <= changes).filter(holds).last();
        &last.unwrap_or(&self.promises[0]).1
    }

    fn draw_options(&mut self) {
        let durability = match self.rng.below(8) {
            0..=3 => Durability::Manual,
            4 => Durability::Interval(Duration::from_micros(200)),
            5 => Durability::Every(self.rng.below(9)),
            _ => Durability::EveryBatch,
        };
        let preallocate_bytes = [0, 0, 100, 3_000][self.rng.below(4) as usize];
        self.options = Options { durability, preallocate_bytes, ..self.options };
    }

    /// Opens the log, as long as it takes when the process dies meanwhile. What was there when it was killed is there:
    /// the system has it.
    fn opened(&mut self) -> Result<(), String> {
        loop {
            let disk: Arc<dyn Disk> = self.disk.clone();
            let opened = FileStorage::open_on(disk, &self.data, self.options).and_then(|mut storage| {
                let log = storage.open(&name())?;
                Ok((storage, log))
            });
            match opened {
                Ok(open) => {
                    let found = Plain::of(&open.1)?;
                    let promise = self.promises.last().expect("the first is made before all").1.clone();
                    let killed = match promise.doing {
                        Doing::Truncate(_) | Doing::Anew(_) => promise.durable,
                        _ => promise.plain.end,
                    };
                    Promise { durable: killed.max(promise.durable), ..promise }.keeps(&found)?;
                    (self.plain, self.durable) = (found, open.1.durable().0);
                    if self.durable != self.plain.end {
                        return Err(format!(
                            "it is opened with {} durable of {}",
                            self.durable, self.plain.end
                        ));
                    }
                    self.open = Some(open);
                    self.promise(Doing::Nothing, "opened");
                    return Ok(());
                }
                Err(error) if is_asked_for(&error.to_string()) => self.disk.die_in(None),
                Err(error) => return Err(format!("it is not opened: {error}")),
            }
        }
    }

    /// Lives through so many operations.
    pub(crate) fn live(&mut self, operations: u64) -> Result<(), String> {
        self.promise(Doing::Nothing, "before all");
        self.draw_options();
        if self.rng.below(3) == 0 {
            self.disk.die_in(Some(1 + self.rng.below(12)));
        }
        self.opened()?;
        for _ in 0..operations {
            if self.rng.below(12) == 0 {
                self.disk.die_in(Some(1 + self.rng.below(12)));
            }
            self.step()?;
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), String> {
        let (start, end) = (self.plain.start, self.plain.end);
        match self.rng.below(20) {
            0..=8 => {
                let (mut at, mut new) = (end, Vec::new());
                if self.rng.below(8) == 0 {
                    at += self.rng.below(300);
                }
                for _ in 0..self.rng.between(1, 4) {
                    let records = self.rng.between(1, 4);
                    new.extend(drawn_batch(&mut self.rng, at, records).iter());
                    at += records;
                }
                let batches = Batches::joined(&new);
                self.act(Doing::Append(new), "append", |log| log.append(&batches))
            }
            9 | 10 => self.act(Doing::Nothing, "flush", Log::flush),
            11 => self.act(Doing::Nothing, "roll", Log::roll),
            12 | 13 => {
                let to = self.rng.between(start.max(end.saturating_sub(20)), end + 1);
                self.act(Doing::Truncate(to), "truncate", |log| log.truncate(Offset(to)))
            }
            14 => {
                let to = self.rng.between(start, end);
                self.act(Doing::Trim(to), "trim", |log| log.trim(Offset(to)))
            }
            15 => {
                let at = self.rng.below(2 * end + 2);
                self.act(Doing::Anew(at), "begin anew", |log| log.begin_anew(Offset(at)))
            }
            16 | 17 => self.replace(),
            18 => self.close(),
            _ => {
                self.open = None;
                self.draw_options();
                self.opened()
            }
        }
    }

    /// After a failure a log refuses whatever changes it, and is read on.
    fn refuses(&mut self, words: &str) -> Result<(), String> {
        let (_, log) = self.open.as_mut().expect("it is open");
        let (start, end) = (log.start(), log.end());
        let refused = [
            log.append(&drawn_batch(&mut self.rng, end.0, 1)),
            log.flush(),
            log.roll(),
            log.truncate(start),
            log.trim(end),
            log.begin_anew(end),
        ];
        if let Some(other) = refused.iter().find(|refused| !matches!(refused, Err(LogError::Refusing))) {
            return Err(format!("{words} failed, and then: {other:?}"));
        }
        let (promise, durable) = (&self.promises.last().expect("one was just made").1, log.durable().0);
        // What it shows is what it had, or what it was to have.
        if matches!(promise.doing, Doing::Nothing | Doing::Append(_)) {
            if durable < self.durable {
                return Err(format!("{words} failed, and what was durable is it no more"));
            }
            promise.keeps(&Plain::of(log)?).map_err(|why| format!("{words} failed: {why}"))?;
            // And what it calls durable now is so, whatever has failed.
            let doing = promise.doing.clone();
            self.durable = durable;
            self.promise(doing, &format!("{words} failed"));
        }
        Ok(())
    }

    fn replace(&mut self) -> Result<(), String> {
        let (_, log) = self.open.as_ref().expect("it is open");
        let segments = Log::segments(log);
        let sealed = segments.len() as u64 - 1;
        if sealed == 0 {
            return Ok(());
        }
        let first = self.rng.below(sealed);
        let last = self.rng.between(first, sealed - 1);
        let (from, until) = (segments[first as usize].base.0, segments[last as usize].end.0);
        let is_in = |batch: &Batch| (from..until).contains(&batch.base().0);
        let mut plain = self.plain.clone();
        let rng = &mut self.rng;
        plain.batches.retain(|batch| !is_in(batch) || batch.next().0 == until || rng.below(2) == 0);
        let new = Batches::joined(plain.batches.iter().filter(|batch| is_in(batch)));
        let words = format!("replace {from}..{until}");
        self.act(Doing::Replace(plain), &words, |log| log.replace(Offset(from), Offset(until), &new))
    }

    fn close(&mut self) -> Result<(), String> {
        self.promise(Doing::Nothing, "close");
        let (mut storage, log) = self.open.take().expect("it is open");
        match storage.close(&name(), log) {
            Ok(()) => {
                self.durable = self.plain.end;
                self.promise(Doing::Nothing, "closed");
            }
            Err(error) if is_asked_for(&error.to_string()) => {}
            Err(error) => return Err(format!("it is not closed: {error}")),
        }
        drop(storage);
        self.draw_options();
        self.opened()
    }

    /// Does something with the log. If the process dies of it, another begins.
    fn act(
        &mut self,
        doing: Doing,
        words: &str,
        work: impl FnOnce(&mut FileLog) -> Result<(), LogError<mqlab::Error>>,
    ) -> Result<(), String> {
        let (_, log) = self.open.as_ref().expect("it is open");
        self.durable = self.durable.max(log.durable().0);
        self.promise(doing.clone(), words);
        let (_, log) = self.open.as_mut().expect("it is open");
        match work(log) {
            Ok(()) => {
                let (found, durable) = (Plain::of(log)?, log.durable().0);
                let everything = match &doing {
                    Doing::Append(new) => self.plain.batches.len() + new.len(),
                    Doing::Truncate(to) => {
                        let kept = self.plain.batches.iter().filter(|batch| batch.next().0 <= *to);
                        kept.count()
                    }
                    _ => found.batches.len(),
                };
                let (_, promise) = self.promises.last().expect("one was just made");
                promise.keeps(&found)?;
                if found.batches.len() != everything {
                    return Err(format!("{words}: it has {} batches, not {everything}", found.batches.len()));
                }
                (self.plain, self.durable) = (found, durable);
                self.promise(Doing::Nothing, &format!("after: {words}"));
                Ok(())
            }
            Err(error) if !is_asked_for(&error.to_string()) && !matches!(error, LogError::Refusing) => {
                Err(format!("{words}: {error}"))
            }
            Err(_) => {
                self.refuses(words)?;
                self.open = None;
                self.disk.die_in(None);
                self.draw_options();
                self.opened()
            }
        }
    }
}
