# shellcheck shell=bash
# What the three server scripts share. Each of them defines
#   service                     its name in compose.yml
#   users                       whom to run as when we are root, first that exists
#   packages                    what to install on Debian or Ubuntu
#   have_programs               are its programs installed?
#   url PORT                    the URL a client needs
#   ready PORT                  does it answer, by its own protocol?
#   local_start, local_stop, local_kill    with `dir` and `port` set
# With TLS (see usage) `dir` has a folder `tls` with server.crt, server.key and the port to use, if it is another one.
# and ends with `serve "$@"`.
# shellcheck disable=SC2154 # service, users and packages are theirs

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

say() { printf '%s\n' "$*" >&2; }
die() {
    say "error: $*"
    exit 1
}

usage() {
    cat <<END
usage: tests/servers/$service start DIR [PORT]   start in DIR, wait until ready, print the URL
       tests/servers/$service stop DIR           stop in order; the data stays in DIR
       tests/servers/$service kill DIR           SIGKILL, as a crash would
       tests/servers/$service restart DIR        stop, then start on the same port
       tests/servers/$service remove DIR         stop and delete DIR
       tests/servers/$service url DIR            print the URL
A throw-away $service for tests. Without PORT: the port used before in DIR, or a free one.
SCRIP_TEST_SERVERS=compose|packages says how to run it; by default through Docker Compose
where an engine answers, else by the programs of the distribution's packages.
SCRIP_TEST_TLS=FOLDER with server.crt and server.key for localhost: it speaks TLS, too, and the URL
is the one for that; always by the distribution's packages.
SCRIP_TEST_POSTGRES="-c NAME=VALUE ..." are options of the program \`postgres\`, kept for the next starts in DIR.
END
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port [EXCEPT...]: a port that nobody listens on, below the range that outgoing connections take theirs from.
free_port() {
    local candidate
    for _ in {1..100}; do
        candidate=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        if [[ " $* " != *" $candidate "* ]] && ! listens "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    die "no free port found between 20000 and 32000"
}

# within SECONDS COMMAND...: polls COMMAND until it succeeds, fails after so many seconds.
within() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.05
    done
}

# Shows the end of the server's log, and ends.
fail() {
    tail -n 20 "$dir/log" >&2 || true
    die "$service in $dir: $*"
}

# Does the process run? A zombie that nobody has reaped does not, once the last of its threads has ended: until
# then it still holds its files, and still listens on its port.
alive() {
    [ -n "$1" ] && kill -0 "$1" 2>/dev/null || return 1
    local threads=("/proc/$1/task"/*)
    ((${#threads[@]} > 1)) || ! grep -qs '^State:[[:space:]]*Z' "/proc/$1/status"
}
gone() { ! alive "$1"; }

children_of() {
    if [ -d /proc/self ]; then
        grep -ls "^PPid:[[:space:]]*$1\$" /proc/[0-9]*/status | cut -d/ -f3 || true
    else
        pgrep -P "$1" || true
    fi
}

# SIGKILL for a process and all that descend from it; stopped first, so that none notices another's end.
kill_tree() {
    local child
    alive "$1" || return 0
    kill -STOP "$1"
    for child in $(children_of "$1"); do
        kill_tree "$child"
    done
    kill -KILL "$1" 2>/dev/null || true
    within 10 gone "$1" || fail "process $1 survives SIGKILL"
}

# Servers do not run as root (PostgreSQL refuses to): take the first account of `users` that exists.
server_user() {
    local user
    for user in "${users[@]}" nobody; do
        if id -u "$user" >/dev/null 2>&1; then
            echo "$user"
            return
        fi
    done
    die "no account to run $service as; create one of: ${users[*]} nobody"
}

# Runs a command as the server's user if we are root, else as ourselves; replaces this (sub)shell.
as_server() {
    if [ "$(id -u)" -ne 0 ]; then
        exec "$@"
    fi
    local user
    user=$(server_user)
    exec setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups "$@"
}

# The same in the background, out of our process group (Ctrl-C is not for the server) and our streams.
as_server_detached() {
    local detach=()
    command -v setsid >/dev/null && detach=(setsid)
    (cd "$dir" && as_server "${detach[@]}" "$@") </dev/null >>"$dir/log" 2>&1 &
    started=$!
}

give_to_server() {
    [ "$(id -u)" -eq 0 ] || return 0
    chown -R "$(server_user)" "$dir"
    (as_server test -w "$dir") ||
        die "$(server_user) cannot reach $dir; give its parents the permission x for others"
}

engine_answers() {
    command -v docker >/dev/null && docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1
}

how_to_run() {
    case "${SCRIP_TEST_SERVERS:-}" in
        compose | packages) echo "$SCRIP_TEST_SERVERS" ;;
        "") if engine_answers; then echo compose; else echo packages; fi ;;
        *) die "SCRIP_TEST_SERVERS is \"$SCRIP_TEST_SERVERS\"; allowed are compose and packages" ;;
    esac
}

compose() {
    local project
    project="scrip-test-$service-$port"
    SCRIP_TEST_PORT=$port SCRIP_TEST_POSTGRES=$(options) docker compose --project-name "$project" --file "$here/compose.yml" "$@" >&2
}

serve() {
    local verb=${1:-}
    dir=${2:-}
    case "$verb" in
        start | stop | kill | restart | remove | url) [ -n "$dir" ] || die "$verb needs a folder; see --help" ;;
        -h | --help) usage && exit ;;
        *) usage >&2 && exit 2 ;;
    esac
    [ "$verb" = start ] && mkdir -p "$dir"
    [ -d "$dir" ] || die "$dir is not a folder; start a $service in it first"
    dir=$(cd "$dir" && pwd)
    port=${3:-$(cat "$dir/port" 2>/dev/null || true)}
    "do_$verb"
}

do_start() {
    local attempts=1
    if [ -n "${SCRIP_TEST_TLS:-}" ]; then take_certificates; fi
    [ -f "$dir/mode" ] || how_to_run >"$dir/mode"
    echo "$service" >"$dir/scrip-service"
    if [ "${port:-0}" = 0 ]; then
        attempts=3 # somebody else may take the free port before us
        port=$(free_port)
    fi
    until try_to_start; do
        ((--attempts > 0)) || fail "it did not start on port $port"
        do_stop
        port=$(free_port)
        rm -f "$dir/ports" "$dir/tls/port" # what else it listens on may be what was taken
    done
    url "$port"
}

# The server's own copy: its key is its own and nobody else's.
take_certificates() {
    mkdir -p "$dir/tls"
    (umask 177 && cp "$SCRIP_TEST_TLS/server.crt" "$SCRIP_TEST_TLS/server.key" "$dir/tls")
    echo packages >"$dir/mode"
}

with_tls() { [ -d "$dir/tls" ]; }

# What the program `postgres` is started with: as it is said now, or was at the first start.
options() {
    if [ -n "${SCRIP_TEST_POSTGRES:-}" ]; then echo "$SCRIP_TEST_POSTGRES" >"$dir/options"; fi
    cat "$dir/options" 2>/dev/null || true
}

# The port for TLS, where a server has one beside the other.
tls_port() {
    [ -f "$dir/tls/port" ] || free_port "$port" >"$dir/tls/port"
    cat "$dir/tls/port"
}

try_to_start() {
    echo "$port" >"$dir/port"
    if listens "$port"; then
        say "port $port is taken"
        return 1
    fi
    if [ "$(cat "$dir/mode")" = compose ]; then
        compose up --detach --wait "$service"
        return
    fi
    have_programs || "$here/install" "${packages[@]}" >&2
    have_programs || die "the programs of $service are not found, though ${packages[*]} should be installed"
    give_to_server
    local_start
    within 90 ready_or_dead && alive "$started"
}

ready_or_dead() { ready "$port" || ! alive "$started"; }

do_stop() {
    if [ "$(cat "$dir/mode")" = compose ]; then compose stop "$service"; else local_stop; fi
}

do_kill() {
    if [ "$(cat "$dir/mode")" = compose ]; then compose kill "$service"; else local_kill; fi
}

do_restart() {
    do_stop
    do_start
}

do_remove() {
    if [ "$(cat "$dir/mode" 2>/dev/null)" = compose ]; then compose down --volumes; else do_stop; fi
    rm -rf "$dir"
}

do_url() { url "$port"; }
