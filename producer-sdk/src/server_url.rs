//! What a URL of a server must be so that every parser finds the same host in it.

/// Refuses a URL of a server that a parser could take for one of another host: a `/`, `?` or `#` that is not escaped in
/// a password ends the host. The error does not repeat the URL.
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
    // PostgreSQL's URLs have users in their query; its parameters are checked one by one.
    let checked = match scheme {
        "postgres" | "postgresql" => tail.split('?').next().unwrap_or_default(),
        _ => tail,
    };
    if !authority.contains('@') && [checked, fragment.unwrap_or_default()].concat().contains('@') {
        return Err(
            "it has an `@` behind the host: in a user or password, write / ? # and @ as %2F %3F %23 and %40",
        );
    }
    if fragment.is_some_and(|fragment| (scheme, fragment) != ("rediss", "insecure")) {
        return Err("it has a fragment (`#`), which means nothing here: in a user or password, write %23");
    }
    let host = authority.rsplit('@').next().unwrap_or_default();
    // Without a host PostgreSQL's comes from the query, from PGHOST, or is this machine's socket.
    let needs_host = !matches!(scheme, "postgres" | "postgresql");
    if needs_host && (host.is_empty() || host.starts_with(':')) {
        return Err("it names no host");
    }
    Ok(())
}
