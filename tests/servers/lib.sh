# shellcheck shell=bash
# The common part of the three server scripts. Each script ends with `serve "$@"`, and defines
#   service                     its name in compose.yml
#   users                       accounts to run as if this is root; the first that exists is used
#   packages                    packages to install on Debian or Ubuntu
#   have_programs               succeeds if its programs are installed
#   url PORT                    prints the URL for clients
#   ready PORT                  succeeds if the server answers in its own protocol
#   local_start, local_stop, local_kill    start, stop and kill it; `dir` and `port` are set
# With TLS (see usage), `dir` has a folder `tls` with server.crt and server.key, and with the port
# for TLS if that is a separate port.
# shellcheck disable=SC2154 # the server scripts set service, users and packages

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# The folder with the programs of another version, empty for those of this machine.
programs_variable=SCRIP_TEST_${service^^}_PROGRAMS
programs=${!programs_variable:-}

# Keeps `programs` in `dir`, or takes it from there.
keep_programs() {
    if [ -n "$programs" ]; then
        echo "$programs" >"$dir/programs"
    elif [ -f "$dir/programs" ]; then
        programs=$(cat "$dir/programs")
    fi
}

# Succeeds if the programs are in a root file system of their own.
in_root() { [ -n "$programs" ] && [ -d "$programs/usr" ]; }

say() { printf '%s\n' "$*" >&2; }
die() {
    say "error: $*"
    exit 1
}

usage() {
    cat <<END
usage: tests/servers/$service start DIR [PORT]   start in DIR, wait until ready, print the URL
       tests/servers/$service stop DIR           shut down; the data stays in DIR
       tests/servers/$service kill DIR           end it with SIGKILL, as a crash would
       tests/servers/$service restart DIR        stop, then start on the same port
       tests/servers/$service remove DIR         stop and delete DIR
       tests/servers/$service url DIR            print the URL
       tests/servers/$service signal DIR NAME    send a signal to all its processes (packages only)
Runs a throw-away $service for tests. Without PORT it uses the last port of DIR, or a free one.

SCRIP_TEST_SERVERS=compose|packages selects how to run it. Default: Docker Compose if an engine
answers, else the programs of the distribution's packages.
SCRIP_TEST_TLS=FOLDER with server.crt and server.key for localhost enables TLS: the printed URL is
the one for TLS, and the server always runs from the distribution's packages.
SCRIP_TEST_POSTGRES="-c NAME=VALUE ..." sets options of the program \`postgres\`, also for later
starts in DIR.
$programs_variable=FOLDER runs the programs in that folder, also for later starts in DIR. It is a
root file system of Debian, or for PostgreSQL a folder with \`bin\`. tests/versions makes one.
END
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port [EXCEPT...]: prints a port on which no process listens, below the range of the ports of
# outgoing connections.
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

# within SECONDS COMMAND...: polls COMMAND until it succeeds; fails after SECONDS.
within() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.05
    done
}

# fail MESSAGE...: prints the end of the server's log and the message, and exits.
fail() {
    tail -n 20 "$dir/log" >&2 || true
    die "$service in $dir: $*"
}

# alive PID: succeeds if the process runs. A zombie counts as ended once its last thread has ended:
# until then it holds its files and listens on its port.
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

# kill_tree PID: kills a process and its descendants with SIGKILL. Each is stopped first, so that it
# cannot react to the end of another one.
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

# signal_tree NAME PID: sends a signal to a process and its descendants.
signal_tree() {
    local child
    alive "$2" || return 0
    kill "-$1" "$2"
    for child in $(children_of "$2"); do
        signal_tree "$1" "$child"
    done
}

# Prints the account to run the server as: the first of `users` that exists. Servers do not run as
# root, because PostgreSQL refuses it.
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

# enter_root UID GID COMMAND...: replaces this (sub)shell by a command in the root file system
# `programs`, in which `dir` has the path that it has here. The mounts end with the command.
enter_root() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    exec unshare --mount bash -c '
        set -eu
        root=$1 dir=$2 uid=$3 gid=$4
        shift 4
        mount -t tmpfs tmpfs "$root/tmp"
        mkdir -p "$root$dir"
        for folder in /dev /proc "$dir"; do mount --rbind "$folder" "$root$folder"; done
        exec env LC_ALL=C.UTF-8 chroot --userspec="$uid:$gid" --groups="$gid" "$root" "$@"
    ' enter_root "$programs" "$dir" "$@"
}

# Replaces this (sub)shell by a command, which runs as the account of the server if this is root.
as_server() {
    if [ "$(id -u)" -ne 0 ]; then
        if in_root; then die "$programs is a root file system; only root can run its programs"; fi
        exec "$@"
    fi
    local user
    user=$(server_user)
    if in_root; then enter_root "$(id -u "$user")" "$(id -g "$user")" "$@"; fi
    exec setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups "$@"
}

# Runs a command like as_server, but in the background, in a session of its own (Ctrl-C does not
# reach the server) and with its output in the log.
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
        die "$(server_user) cannot reach $dir; give others the permission x on its parent folders"
}

engine_answers() {
    command -v docker >/dev/null && docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1
}

how_to_run() {
    if [ -n "$programs" ]; then echo packages && return; fi
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
        start | stop | kill | restart | remove | url | signal) [ -n "$dir" ] || die "$verb needs a folder; see --help" ;;
        -h | --help) usage && exit ;;
        *) usage >&2 && exit 2 ;;
    esac
    [ "$verb" = start ] && mkdir -p "$dir"
    [ -d "$dir" ] || die "$dir is not a folder; start a $service in it first"
    dir=$(cd "$dir" && pwd)
    if [ "$verb" = signal ]; then
        signal_tree "${3:?a signal}" "$(pid)"
        return
    fi
    port=${3:-$(cat "$dir/port" 2>/dev/null || true)}
    keep_programs
    "do_$verb"
}

do_start() {
    local attempts=1
    if [ -n "${SCRIP_TEST_TLS:-}" ]; then take_certificates; fi
    [ -f "$dir/mode" ] || how_to_run >"$dir/mode"
    echo "$service" >"$dir/scrip-service"
    if [ "${port:-0}" = 0 ]; then
        attempts=3 # another process may take the free port first
        port=$(free_port)
    fi
    until try_to_start; do
        ((--attempts > 0)) || fail "it did not start on port $port"
        do_stop
        port=$(free_port)
        rm -f "$dir/ports" "$dir/tls/port" # another port of the server may be the one in use
    done
    url "$port"
}

# Copies the certificate and the key to `dir`, readable by the server alone.
take_certificates() {
    mkdir -p "$dir/tls"
    (umask 177 && cp "$SCRIP_TEST_TLS/server.crt" "$SCRIP_TEST_TLS/server.key" "$dir/tls")
    echo packages >"$dir/mode"
}

with_tls() { [ -d "$dir/tls" ]; }

# Prints the options of the program `postgres`: those of SCRIP_TEST_POSTGRES, else those of an
# earlier start.
options() {
    if [ -n "${SCRIP_TEST_POSTGRES:-}" ]; then echo "$SCRIP_TEST_POSTGRES" >"$dir/options"; fi
    cat "$dir/options" 2>/dev/null || true
}

# Prints the port for TLS, for a server with a separate one.
tls_port() {
    [ -f "$dir/tls/port" ] || free_port "$port" >"$dir/tls/port"
    cat "$dir/tls/port"
}

try_to_start() {
    echo "$port" >"$dir/port"
    if listens "$port"; then
        say "port $port is in use"
        return 1
    fi
    if [ "$(cat "$dir/mode")" = compose ]; then
        compose up --detach --wait "$service"
        return
    fi
    if [ -n "$programs" ]; then have_programs || die "$programs has no programs of $service"; fi
    have_programs || "$here/install" "${packages[@]}" >&2
    have_programs || die "${packages[*]} was installed, but the programs of $service are not found"
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
