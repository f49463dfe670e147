//! A check of server URLs that guarantees that every parser finds the same host in a URL.

/// Refuses the URL of a server if a parser could find another host in it.
///
/// A `/`, `?` or `#` that is not escaped in a password ends the host. The error does not contain
/// the URL.
#[doc(hidden)]
pub fn check_url(text: &str) -> Result<(), &'static str> {
    let (scheme, rest) = text
        .split_once("://")
        .ok_or("it does not begin with a scheme, a colon and two slashes")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let (tail, fragment) = tail
        .split_once('#')
        .map_or((tail, None), |(tail, fragment)| (tail, Some(fragment)));
    // PostgreSQL's URLs can have users in the query. Its parameters are checked one by one.
    let checked = match scheme {
        "postgres" | "postgresql" => tail.split('?').next().unwrap_or_default(),
        _ => tail,
    };
    if !authority.contains('@')
        && [checked, fragment.unwrap_or_default()]
            .concat()
            .contains('@')
    {
        return Err(
            "it has an `@` after the host: in a user or password, write / ? # and @ \
             as %2F %3F %23 and %40",
        );
    }
    if fragment.is_some_and(|fragment| (scheme, fragment) != ("rediss", "insecure")) {
        return Err(
            "it has a fragment (`#`), which is not allowed: in a user or password, write %23",
        );
    }
    let host = authority.rsplit('@').next().unwrap_or_default();
    // A PostgreSQL URL may have no host. Then the host comes from the query or from PGHOST, or it
    // is the socket of this machine.
    let needs_host = !matches!(scheme, "postgres" | "postgresql");
    if needs_host && (host.is_empty() || host.starts_with(':')) {
        return Err("it names no host");
    }
    Ok(())
}
