//! The choice of the transport by the scheme of a URL.

use crate::error::{Error, Result};

pub(crate) enum Scheme {
    #[cfg(feature = "amqp")]
    Amqp,
    #[cfg(feature = "embedded")]
    Sqlite,
}

impl Scheme {
    pub(crate) fn from_url(url: &str) -> Result<Self> {
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        match scheme {
            #[cfg(feature = "amqp")]
            "amqp" | "amqps" => Ok(Self::Amqp),
            #[cfg(feature = "embedded")]
            "sqlite" => Ok(Self::Sqlite),
            #[cfg(not(feature = "amqp"))]
            "amqp" | "amqps" => Err(Error::Url(
                "producer-sdk was built without its feature `amqp`".to_owned(),
            )),
            #[cfg(not(feature = "embedded"))]
            "sqlite" => Err(Error::Url(
                "producer-sdk was built without its feature `embedded`".to_owned(),
            )),
            _ => Err(Error::Url(
                "it must begin with amqp://, amqps:// or sqlite://".to_owned(),
            )),
        }
    }
}
