//! `stepwell demo`: every pipeline end to end against sources on this machine.

mod canvas;
mod changes;
mod data_mesh;
mod data_products;
mod lake;
mod stage;
mod stream_qc;

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde::Serialize;

use self::canvas::Tables;
use self::changes::Changes;
use self::lake::Datasets;
use self::stage::Ended;
use self::stream_qc::Verdicts;
use super::Global;
use crate::built_in;
use crate::failure::{Exit, Failure, Outcome};
use crate::project::Project;
use crate::{output, shutdown, wiring};

/// Run every pipeline against services on this machine
///
/// Loads Canvas Data 2 into SQLite, keeps data products of Starburst Galaxy in step with those of Starburst Enterprise,
/// access policies with the agreements of Data Mesh Manager, and a data lake with Salesforce, Mambu and DynamoDB; changes
/// the sources in between, and shows each time what moved and that both sides agree. Checks streams of measurements with
/// planted faults, and shows that all are found. Needs nothing but this program.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Only this pipeline
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(built_in::names()))]
    only: Option<String>,
    /// Rows of the source of `canvas`, over all tables
    #[arg(long, value_name = "N", default_value_t = 500_000, value_parser = clap::value_parser!(u64).range(1_000..=50_000_000))]
    rows: u64,
    /// Keep the files in this folder, which must be empty or new, instead of a temporary one
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// What a run did, in the words of its pipeline.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Moved {
    Tables(Tables),
    Products(Changes),
    Accesses(Changes),
    Verdicts(Verdicts),
    Datasets(Datasets),
}

type Leg = Ended<Moved>;

impl Demo {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let folder = self.folder()?;
        let project = Project::open(&folder)?;
        let legs = wiring::runtime()?
            .block_on(self.perform(&project))
            .inspect_err(|_| tell_where(project.root()))?;
        if global.json {
            output::json(&serde_json::json!({ "folder": project.root(), "runs": legs }))?;
        } else {
            legs.iter().try_for_each(tell)?;
        }
        tell_where(project.root());
        if legs.iter().all(|leg| leg.moved.agree()) {
            return Ok(());
        }
        Err(Failure::message(Exit::ExecutionFailed, "what is there is not what should be"))
    }

    fn folder(&self) -> Outcome<PathBuf> {
        let folder = match &self.keep {
            Some(folder) => folder.clone(),
            None => std::env::temp_dir().join(format!("stepwell-demo-{}", std::process::id())),
        };
        let entries = crate::private::create_folder(&folder)
            .and_then(|()| std::fs::read_dir(&folder))
            .map_err(|error| {
                let message = format!("`{}` cannot be used: {error}", folder.display());
                Failure::message(Exit::Unavailable, message)
                    .hint("name a folder that can be written with `--keep`")
            })?;
        if entries.count() > 0 {
            return Err(Failure::message(
                Exit::Refused,
                format!("`{}` is not empty", folder.display()),
            )
            .hint("name an empty or a new folder with `--keep`"));
        }
        Ok(folder)
    }

    async fn perform(&self, project: &Project) -> Outcome<Vec<Leg>> {
        let stop = shutdown::on_signal()?;
        let all = async {
            let mut legs = Vec::new();
            for name in
                built_in::names().filter(|name| self.only.as_deref().is_none_or(|it| it == *name))
            {
                legs.extend(self.legs(name, project).await?);
            }
            Ok(legs)
        };
        tokio::select! {
            legs = all => legs,
            () = stop.cancelled() => Err(Failure::message(Exit::Interrupted, "the demo was stopped")),
        }
    }

    /// The runs of one pipeline.
    async fn legs(&self, pipeline: &str, project: &Project) -> Outcome<Vec<Leg>> {
        Ok(match pipeline {
            "canvas" => in_words(canvas::perform(project, self.rows).await?, Moved::Tables),
            "data-products" => in_words(data_products::perform(project).await?, Moved::Products),
            "data-mesh" => in_words(data_mesh::perform(project).await?, Moved::Accesses),
            "stream-qc" => in_words(stream_qc::perform(project).await?, Moved::Verdicts),
            "lake" => in_words(lake::perform(project).await?, Moved::Datasets),
            other => unreachable!("the pipeline `{other}` has no demo"),
        })
    }
}

fn in_words<M>(legs: Vec<Ended<M>>, words: impl Fn(M) -> Moved) -> Vec<Leg> {
    legs.into_iter().map(|leg| leg.map(&words)).collect()
}

impl Moved {
    fn agree(&self) -> bool {
        match self {
            Self::Tables(tables) => tables.agree(),
            Self::Datasets(datasets) => datasets.agree(),
            Self::Products(changes) | Self::Accesses(changes) => changes.agree(),
            Self::Verdicts(verdicts) => verdicts.agree(),
        }
    }

    /// So much moved.
    fn amount(&self) -> String {
        match self {
            Self::Tables(tables) => tables.moved(),
            Self::Datasets(datasets) => datasets.moved(),
            Self::Products(changes) => changes.moved("data products"),
            Self::Accesses(changes) => changes.moved("agreements"),
            Self::Verdicts(verdicts) => verdicts.checked(),
        }
    }

    fn table(&self) -> comfy_table::Table {
        match self {
            Self::Tables(tables) => tables.table(),
            Self::Datasets(datasets) => datasets.table(),
            Self::Products(changes) | Self::Accesses(changes) => changes.table(),
            Self::Verdicts(verdicts) => verdicts.table(),
        }
    }

    /// What the table does not say.
    fn verdict(&self) -> Option<String> {
        match self {
            Self::Tables(_) => None,
            Self::Datasets(datasets) => datasets.verdict(),
            Self::Products(changes) => Some(changes.verdict("data products")),
            Self::Accesses(changes) => Some(changes.verdict("agreements")),
            Self::Verdicts(verdicts) => Some(verdicts.verdict()),
        }
    }
}

fn tell(leg: &Leg) -> Outcome {
    let Ended { pipeline, title, seconds, moved, .. } = leg;
    output::line(format_args!("\n{pipeline}: {title}: {} in {seconds:.1} s", moved.amount()))?;
    output::line(moved.table())?;
    if let Some(verdict) = moved.verdict() {
        output::line(verdict)?;
    }
    Ok(())
}

fn tell_where(folder: &Path) {
    let folder = folder.display();
    // As it was called: `cargo run` puts nothing on the PATH.
    let stepwell = std::env::args().next().unwrap_or_else(|| "stepwell".to_owned());
    output::note(format_args!(
        "\nfiles    {folder}\nhistory  {stepwell} -C {folder} execution list\nremove   rm -r {folder}"
    ));
}
