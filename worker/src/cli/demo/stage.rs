//! Where the story is played: nothing of it stays, and nothing of anybody else's is touched.

use std::{fs, path::PathBuf};

use uuid::Uuid;

use crate::{
    amqp,
    cli::{
        context::{Context, Files},
        failure::{Doing, Failure},
    },
    config::{Backend, Schedule, SecretUrl, Settings},
    store::ScratchSchema,
};

/// Where the story is played.
#[derive(Debug)]
pub struct Stage {
    /// Settings of its own, with the built-in rules.
    pub context: Context,
    /// What they mean.
    pub backend: Backend,
    name: String,
    folder: Option<PathBuf>,
    schema: Option<ScratchSchema>,
}

impl Stage {
    /// On the servers that the settings name: a namespace and a schema of its own. Without servers: a temporary file.
    pub async fn set(settings: &Settings) -> Result<Self, Failure> {
        let name = Uuid::now_v7().simple().to_string().split_off(24);
        let mut folder = None;
        let mut schema = None;
        let mut own = Settings {
            namespace: format!("demo-{name}"),
            logging: settings.logging.clone(),
            amqp: settings.amqp.clone(),
            // The story is short, and a job has nothing to do in it.
            schedule: Schedule {
                grant: None,
                expire: None,
                verify: None,
            },
            ..Settings::default()
        };
        match settings.backend()? {
            Backend::Servers { database, .. } if is_postgres(&database) => {
                let created = ScratchSchema::create(database.expose(), format!("scrip_demo_{name}"))
                    .await
                    .doing(format!("make a schema for the demo at {database}"))?;
                own.database.url = Some(SecretUrl::new(created.url()));
                schema = Some(created);
            }
            backend => {
                let made = std::env::temp_dir().join(format!("scrip-demo-{name}"));
                fs::create_dir(&made).doing(format!("make the folder {}", made.display()))?;
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

    /// A name that no other run has.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Removes everything.
    pub async fn clear(&self) -> Result<(), Failure> {
        if let Backend::Servers { amqp, .. } = &self.backend {
            amqp::remove_at(amqp.expose(), &self.context.topology()?)
                .await
                .doing("remove the demo's namespace")?;
        }
        if let Some(schema) = &self.schema {
            schema.drop().await.doing("drop the demo's schema")?;
        }
        if let Some(folder) = &self.folder {
            fs::remove_dir_all(folder).doing(format!("remove {}", folder.display()))?;
        }
        Ok(())
    }
}

fn is_postgres(url: &SecretUrl) -> bool {
    url.expose().starts_with("postgres")
}
