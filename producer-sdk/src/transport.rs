//! Which transport a URL means.

use crate::error::{Error, Result};

pub(crate) enum Scheme {
    #[cfg(feature = "amqp")]
    Amqp,
    #[cfg(feature = "embedded")]
    Sqlite,
}

impl Scheme {
    pub(crate) fn of(url: &str) -> Result<Self> {
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        match scheme {
            #[cfg(feature = "amqp")]
            "amqp" | "amqps" => Ok(Self::Amqp),
            #[cfg(feature = "embedded")]
            "sqlite" => Ok(Self::Sqlite),
            #[cfg(not(feature = "amqp"))]
            "amqp" | "amqps" => Err(Error::Url(
                "the crate was built without its feature `amqp`".to_owned(),
            )),
            #[cfg(not(feature = "embedded"))]
            "sqlite" => Err(Error::Url(
                "the crate was built without its feature `embedded`".to_owned(),
            )),
            _ => Err(Error::Url(
                "it starts with none of amqp://, amqps:// and sqlite://".to_owned(),
            )),
        }
    }
}
