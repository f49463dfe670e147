//! The fixture of the example: a ledger and a queue of its own, which are removed at the end.

use std::{fs, path::PathBuf};

use uuid::Uuid;

use crate::{
    cli::{
        context::{Context, Files},
        failure::{Doing, Failure},
    },
    config::{Backend, Schedule, SecretUrl, Settings},
    db::TempSchema,
    transport::amqp,
};

/// The ledger and the queue that the example runs on.
#[derive(Debug)]
pub struct Fixture {
    /// The context with the settings of the example: the built-in rules.
    pub context: Context,
    pub backend: Backend,
    name: String,
    folder: Option<PathBuf>,
    schema: Option<TempSchema>,
}

impl Fixture {
    /// Creates a namespace and a schema on the servers that the settings name, or a temporary file
    /// if they name none.
    pub async fn create(settings: &Settings) -> Result<Self, Failure> {
        let name = Uuid::now_v7().simple().to_string().split_off(24);
        let mut folder = None;
        let mut schema = None;
        let mut own = Settings {
            namespace: format!("demo-{name}"),
            logging: settings.logging.clone(),
            amqp: settings.amqp.clone(),
            // The example has no work for jobs.
            schedule: Schedule {
                grant: None,
                expire: None,
                verify: None,
            },
            ..Settings::default()
        };
        let backend = settings.backend()?;
        if let Backend::Servers { amqp, .. } = &backend {
            // Checked before anything is created that a failure would leave behind.
            amqp::check_access(amqp.expose())
                .await
                .doing(format!("use the broker at {amqp}"))?;
        }
        match backend {
            Backend::Servers { database, .. } if is_postgres(&database) => {
                let created = TempSchema::create(database.expose(), format!("scrip_demo_{name}"))
                    .await
                    .doing(format!("create a schema for the demo at {database}"))?;
                own.database.url = Some(SecretUrl::new(created.url()));
                schema = Some(created);
            }
            backend => {
                let made = std::env::temp_dir().join(format!("scrip-demo-{name}"));
                fs::create_dir(&made).doing(format!("create the folder {}", made.display()))?;
                if let Backend::Servers { .. } = backend {
                    let file = made.join("scrip.db").display().to_string();
                    own.database.url = Some(SecretUrl::new(format!("sqlite://{file}")));
                }
                own.data_dir = Some(made.clone());
                folder = Some(made);
            }
        }
        let backend = own.backend()?;
        let context = Context {
            settings: own,
            json: false,
            files: Files::default(),
        };
        Ok(Self {
            context,
            backend,
            name,
            folder,
            schema,
        })
    }

    /// A name that is unique to this run.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Removes everything that was created, also after an error, and returns the first error.
    pub async fn remove(&self) -> Result<(), Failure> {
        let namespace = self.remove_namespace().await;
        let schema = match &self.schema {
            Some(schema) => schema.drop().await.doing("drop the schema of the demo"),
            None => Ok(()),
        };
        let folder = match &self.folder {
            Some(folder) => {
                fs::remove_dir_all(folder).doing(format!("remove {}", folder.display()))
            }
            None => Ok(()),
        };
        namespace.and(schema).and(folder)
    }

    async fn remove_namespace(&self) -> Result<(), Failure> {
        let Backend::Servers { amqp, .. } = &self.backend else {
            return Ok(());
        };
        amqp::remove_at(amqp.expose(), &self.context.settings.topology()?)
            .await
            .doing("remove the namespace of the demo")
    }
}

fn is_postgres(url: &SecretUrl) -> bool {
    url.expose().starts_with("postgres")
}
