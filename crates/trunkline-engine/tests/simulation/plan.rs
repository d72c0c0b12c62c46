//! What will happen in a run, as far as it can be decided beforehand.
//!
//! In: a seed. Out: the knobs of both ends, how bad the wire is, what is asked when, which faults strike when, and how
//! the run is to end. Never: anything that depends on what the engine does.

use std::time::Duration;

use trunkline_engine::Config;
use trunkline_wire::iproto;

use crate::rng::Rng;

pub(crate) const MS: u64 = 1_000;
pub(crate) const SECOND: u64 = 1_000 * MS;

/// How bad the world is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Slow and cut into pieces, but nothing goes wrong: every call must be answered.
    Calm,
    /// Directions stall and heal, handlers hang, deadlines are short.
    Rough,
    /// And the connection is cut.
    Broken,
}

/// How a side learns that the connection was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Learns {
    Error(u64),
    End(u64),
    /// Never: only pings or a stalled write can tell.
    Never,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) size: usize,
    pub(crate) reply: usize,
    /// How long the peer's handler takes; `None` hangs for ever.
    pub(crate) work: Option<u64>,
    pub(crate) timeout: Option<u64>,
    pub(crate) abandon: Option<u64>,
    pub(crate) fails_when_full: bool,
    /// Second copies of the answer, so long after the first.
    pub(crate) again: [Option<u64>; 2],
    /// A measurable ping: the peer's engine answers it.
    pub(crate) ping: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Call(Call),
    Notify { size: usize, fails_when_full: bool, patience: Option<u64> },
    Drain,
    Hijack,
    Close,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Stall(usize, bool),
    Cut { learns: [Learns; 2], kept: [bool; 2] },
}

/// How the run is meant to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    Drain,
    Hijack,
    Close,
    /// Nobody ends it: the run is over when every call is.
    Open,
}

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) weather: Weather,
    pub(crate) finish: Finish,
    pub(crate) config: [Config; 2],
    pub(crate) latency: (u64, u64),
    pub(crate) window: usize,
    pub(crate) write_max: u64,
    pub(crate) read_max: u64,
    /// A side may look away for so long.
    pub(crate) sleep: u64,
    pub(crate) ops: Vec<(u64, usize, Op)>,
    pub(crate) faults: Vec<(u64, Fault)>,
    /// The direction and byte at which the connection is cut, and what follows.
    pub(crate) cut_at: Option<(usize, u64, Fault)>,
    /// Latest time at which every call must have ended.
    pub(crate) horizon: u64,
}

impl Plan {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let weather = rng.pick(&[Weather::Calm, Weather::Rough, Weather::Broken]);
        let first_id = rng.chance(30).then_some(1);
        let mut config = [config(rng, weather, first_id), config(rng, weather, first_id)];
        let large = rng.chance(30);
        let window = rng.within(6, if large { 17 } else { 14 });
        let window = if large { 1 << window.max(14) } else { 1 << window };
        let top = if large { 16 } else { 12 };
        let sleep = rng.pick(&[0, 0, MS, 3 * MS, 30 * MS]);
        if weather == Weather::Calm && (window < 1 << 10 || sleep > 3 * MS) {
            // A ping behind a long queue on a slow line takes its time, which is not the peer's fault.
            for config in &mut config {
                config.ping_interval = config.ping_interval.map(|interval| interval * 20);
            }
        }
        let mut plan = Self {
            weather,
            finish: Finish::Drain,
            config,
            latency: rng.pick(&[(0, 0), (10, 100), (100, 2 * MS), (MS, 5 * MS), (0, 20 * MS)]),
            window,
            write_max: 1 << rng.within(if large { 10 } else { 1 }, top),
            read_max: 1 << rng.within(if large { 10 } else { 0 }, top),
            sleep,
            ops: Vec::new(),
            faults: Vec::new(),
            cut_at: None,
            horizon: 0,
        };
        let span = rng.pick(&[5 * MS, 100 * MS, SECOND]);
        // In half of the runs everything is asked in a few bursts, and the run is ended within one of them.
        let bursts = rng.chance(50).then(|| [0; 3].map(|_| rng.within(0, span)));
        let when = |rng: &mut Rng| match bursts {
            Some(bursts) => rng.pick(&bursts),
            None => rng.within(0, span),
        };
        for _ in 0..rng.within(5, 80) {
            let op = op(rng, weather, large);
            plan.ops.push((when(rng), rng.within(0, 1) as usize, op));
        }
        plan.strike(rng, span);
        let at = if rng.chance(50) { when(rng) } else { span + rng.within(0, 400 * MS) };
        plan.end(rng, at);
        plan.horizon = span + 60 * SECOND;
        plan.ops.sort_by_key(|(at, side, _)| (*at, *side));
        plan
    }

    fn strike(&mut self, rng: &mut Rng, span: u64) {
        if self.weather == Weather::Calm {
            return;
        }
        for _ in 0..rng.within(0, 4) {
            let (from, way) = (rng.within(0, span), rng.within(0, 1) as usize);
            self.faults.push((from, Fault::Stall(way, true)));
            self.faults.push((from + rng.within(MS, 900 * MS), Fault::Stall(way, false)));
        }
        if self.weather == Weather::Broken {
            let mut learns = || match rng.within(0, 4) {
                0 => Learns::Error(0),
                1 => Learns::Error(rng.within(0, 200 * MS)),
                2 => Learns::End(0),
                3 => Learns::End(rng.within(0, 200 * MS)),
                _ => Learns::Never,
            };
            let cut = Fault::Cut { learns: [learns(), learns()], kept: [rng.chance(50), rng.chance(50)] };
            if rng.chance(70) {
                let most = 1 << rng.within(4, 14);
                self.cut_at = Some((rng.within(0, 1) as usize, rng.within(1, most), cut));
            } else {
                self.faults.push((rng.within(0, span), cut));
            }
        }
    }

    fn end(&mut self, rng: &mut Rng, at: u64) {
        self.finish = match rng.within(0, 9) {
            0..=5 => Finish::Drain,
            6 | 7 => Finish::Hijack,
            8 => Finish::Close,
            _ => Finish::Open,
        };
        let side = rng.within(0, 1) as usize;
        match self.finish {
            Finish::Drain => {
                self.ops.push((at, side, Op::Drain));
                if rng.chance(40) {
                    self.ops.push((at + rng.within(0, 10 * MS), 1 - side, Op::Drain));
                }
            }
            Finish::Hijack => self.ops.push((at, side, Op::Hijack)),
            Finish::Close => self.ops.push((at, side, Op::Close)),
            Finish::Open => {}
        }
    }
}

fn config(rng: &mut Rng, weather: Weather, first_id: Option<u64>) -> Config {
    let calm = weather == Weather::Calm;
    Config {
        ping_interval: rng
            .pick(&[None, Some(20), Some(50), Some(200)])
            .map(|ms: u64| Duration::from_millis(if calm { ms * 5 } else { ms })),
        drain_timeout: Duration::from_millis(if calm { 30_000 } else { rng.within(50, 2_000) }),
        write_stall_timeout: Duration::from_millis(if calm { 5_000 } else { rng.within(300, 5_000) }),
        max_pending: rng.pick(&[4, 64, 32_768]),
        max_running: rng.pick(&[1, 3, 64]),
        lane_bytes: rng.pick(&[1, 200, 2 << 10, 256 << 10]),
        bulk_bytes: rng.pick(&[1, 40 << 10, 8 << 20]),
        replies_pause: rng.pick(&[100, 4 << 10, 1 << 20]),
        first_id,
        ..Config::for_dialect(&iproto::PROFILE)
    }
}

fn size(rng: &mut Rng, large: bool) -> usize {
    let bits = if large && rng.chance(20) { rng.within(14, 16) } else { rng.within(0, 9) };
    rng.within(0, 1 << bits) as usize
}

fn op(rng: &mut Rng, weather: Weather, large: bool) -> Op {
    let calm = weather == Weather::Calm;
    if rng.chance(30) {
        return Op::Notify {
            size: size(rng, large),
            fails_when_full: rng.chance(20),
            patience: (!calm || rng.chance(10)).then(|| rng.within(0, 100 * MS)),
        };
    }
    let work = match rng.within(0, 9) {
        0..=4 => Some(0),
        5 | 6 => Some(rng.within(0, 3 * MS)),
        7 | 8 => Some(rng.within(0, 300 * MS)),
        _ if calm => Some(SECOND),
        _ => None,
    };
    Op::Call(Call {
        size: size(rng, large),
        reply: size(rng, large),
        work,
        timeout: if calm {
            rng.chance(50).then_some(40 * SECOND)
        } else {
            Some(match rng.within(0, 2) {
                0 => rng.within(0, 10 * MS),
                1 => rng.within(0, 200 * MS),
                _ => rng.within(0, 3 * SECOND),
            })
        },
        abandon: rng.chance(10).then(|| rng.within(0, 50 * MS)),
        fails_when_full: rng.chance(20),
        again: if rng.chance(10) {
            [Some(rng.within(0, 20 * MS)), rng.chance(50).then(|| rng.within(0, 400 * MS))]
        } else {
            [None; 2]
        },
        ping: rng.chance(5),
    })
}

impl Plan {
    /// Whether a cut leaves some side without any news of it.
    pub(crate) fn never_learns(&self) -> bool {
        let cuts =
            self.cut_at.iter().map(|(.., fault)| fault).chain(self.faults.iter().map(|(_, fault)| fault));
        self.weather == Weather::Broken
            && cuts.into_iter().all(|fault| match fault {
                Fault::Cut { learns, .. } => learns.contains(&Learns::Never),
                Fault::Stall(..) => true,
            })
    }
}
