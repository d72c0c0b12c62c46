//! Runs cases and reports them, one line each.

use std::any::Any;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use trunkline_interop::build;

/// How long one case may take before it counts as failed.
const LIMIT: Duration = Duration::from_secs(120);

type Figures = Pin<Box<dyn Future<Output = String> + Send>>;
type Start = Box<dyn Fn(Arc<PathBuf>) -> Figures>;

struct Case {
    name: &'static str,
    start: Start,
    beside: bool,
}

/// The cases of one dialect.
pub(crate) struct Suite {
    peer: &'static str,
    cases: Vec<Case>,
}

impl Suite {
    pub(crate) fn new(peer: &'static str) -> Self {
        Self { peer, cases: Vec::new() }
    }

    /// A case that runs alone.
    pub(crate) fn case<F, Fut>(&mut self, name: &'static str, case: F)
    where
        F: Fn(Arc<PathBuf>) -> Fut + 'static,
        Fut: Future<Output = String> + Send + 'static,
    {
        let start: Start = Box::new(move |go| Box::pin(case(go)));
        self.cases.push(Case { name, start, beside: false });
    }

    /// A case that runs at the same time as the others that were added so.
    pub(crate) fn beside<F, Fut>(&mut self, name: &'static str, case: F)
    where
        F: Fn(Arc<PathBuf>) -> Fut + 'static,
        Fut: Future<Output = String> + Send + 'static,
    {
        self.case(name, case);
        if let Some(case) = self.cases.last_mut() {
            case.beside = true;
        }
    }

    #[expect(clippy::print_stdout, reason = "the report of a test program")]
    pub(crate) fn run(mut self) -> ExitCode {
        let filter = std::env::args().skip(1).find(|word| !word.starts_with('-'));
        if std::env::args().any(|word| word == "--list") {
            self.cases.iter().for_each(|case| println!("{}: test", case.name));
            return ExitCode::SUCCESS;
        }
        self.cases.retain(|case| filter.as_deref().is_none_or(|word| case.name.contains(word)));
        let (peer, total) = (self.peer, self.cases.len());
        let go = match build(peer) {
            Ok(program) => Arc::new(program),
            Err(why) => {
                self.cases.iter().for_each(|case| println!("skipped {}", case.name));
                println!("interop {peer}: 0 run, 0 passed, {total} skipped ({why})");
                let required = std::env::var("TRUNKLINE_REQUIRE_GO").is_ok_and(|value| value == "1");
                return if required { ExitCode::FAILURE } else { ExitCode::SUCCESS };
            }
        };
        println!(
            "interop {peer}: the other end is an independent Go peer, written from the wire notes and held to \
             recordings of the original; it is not the original, which the module proxy does not serve"
        );
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let passed = runtime.block_on(self.run_all(go));
        println!("interop {peer}: {total} run, {passed} passed, 0 skipped");
        if passed == total { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    async fn run_all(&self, go: Arc<PathBuf>) -> usize {
        let (beside, alone): (Vec<&Case>, Vec<&Case>) = self.cases.iter().partition(|case| case.beside);
        let mut passed = 0;
        for case in alone {
            passed += usize::from(run(case, &go).await);
        }
        passed
            + join_all(beside.into_iter().map(|case| run(case, &go)))
                .await
                .into_iter()
                .filter(|ok| *ok)
                .count()
    }
}

/// Runs one case in a task of its own, so that its panic is its failure and nothing else.
#[expect(clippy::print_stdout, reason = "the report of a test program")]
async fn run(case: &Case, go: &Arc<PathBuf>) -> bool {
    let began = Instant::now();
    let mut task = tokio::spawn((case.start)(go.clone()));
    let ended = tokio::time::timeout(LIMIT, &mut task).await;
    let (ok, figures) = match ended {
        Ok(Ok(figures)) => (true, figures),
        Ok(Err(failed)) if failed.is_panic() => (false, message(&*failed.into_panic())),
        Ok(Err(failed)) => (false, failed.to_string()),
        Err(_) => {
            task.abort();
            (false, format!("not done after {LIMIT:?}"))
        }
    };
    let verdict = if ok { "ok    " } else { "FAILED" };
    println!("{verdict} {}: {figures} [{:.1} s]", case.name, began.elapsed().as_secs_f64());
    ok
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message").to_owned()
}
