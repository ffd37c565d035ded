# Runs inside the fresh system; `cargo xtask deb --root` gives the step.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
PROGRAMS="memcached tmux tor"
# Where the adaptor to OpenSSL is among the packages, a program that needs it as well.
TLS=$(ls /packages/first/evoxide-libevent-openssl_*.deb 2>/dev/null) || true
[ -z "$TLS" ] || PROGRAMS="$PROGRAMS sslsplit"

# No service is to start here.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d

get() { apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@" >/tmp/apt.log 2>&1 || { cat /tmp/apt.log; exit 1; }; }

# The package that owns the file which a process has mapped under a name.
owner() {
    file=$(sed -n "s,.* \(/[^ ]*$2[^ ]*\)\$,\1,p" "/proc/$1/maps" | head -1)
    [ -n "$file" ] || { echo "process $1 has no $2"; exit 1; }
    dpkg -S "$file" 2>/dev/null || dpkg -S "${file#/usr}"
}
expect_owner() {
    case $(owner "$1" "$2") in
    "$3"[:,]*) ;;
    *) echo "$2 of process $1 belongs to $(owner "$1" "$2"), not to $3"; exit 1 ;;
    esac
}
# Waits for a condition; the limit only ends a hang.
until_true() {
    left=600
    until eval "$1"; do
        left=$((left - 1))
        [ $left -gt 0 ] || { echo "waited in vain: $1"; exit 1; }
        perl -e 'select undef, undef, undef, 0.05'
    done
}

# One conversation over a Unix socket.
talk() {
    perl -MIO::Socket::UNIX -e '
        my ($path, $end, @lines) = @ARGV;
        my $s = IO::Socket::UNIX->new($path) or die "$path: $!";
        print $s map { "$_\r\n" } @lines; $s->flush;
        while (my $l = <$s>) { print $l; last if $l =~ /$end/ }' "$@"
}

use_memcached() {
    package=$1
    rm -f /tmp/m.sock /tmp/t.sock /tmp/t.out
    memcached -u nobody -s /tmp/m.sock &
    pid=$!
    until_true '[ -S /tmp/m.sock ] || ! kill -0 $pid'
    talk /tmp/m.sock '^END' 'set k 0 0 5' hello 'get k' | tr -d '\r' > /tmp/m.out
    grep -qx hello /tmp/m.out || { cat /tmp/m.out; exit 1; }
    expect_owner $pid libevent "$package"
    kill $pid; wait $pid || true
    echo "  memcached: set and get, on $package"
}

use_tmux() {
    package=$1
    tmux -S /tmp/t.sock -f /dev/null new-session -d 'echo ran > /tmp/t.out; exec cat'
    until_true '[ -s /tmp/t.out ]'
    pid=$(tmux -S /tmp/t.sock display-message -p '#{pid}')
    expect_owner "$pid" libevent "$package"
    tmux -S /tmp/t.sock kill-server
    echo "  tmux: a session, on $package"
}

use_tor() {
    package=$1
    rm -rf /tmp/tor; mkdir -m 700 /tmp/tor
    printf 'DisableNetwork 1\nSocksPort 0\nControlSocket /tmp/tor/control\nDataDirectory /tmp/tor/data\nCookieAuthentication 0\n' > /tmp/tor/rc
    tor --quiet -f /tmp/tor/rc --defaults-torrc /dev/null &
    pid=$!
    until_true '[ -S /tmp/tor/control ] || ! kill -0 $pid'
    talk /tmp/tor/control '^250 closing' AUTHENTICATE 'GETINFO version' QUIT > /tmp/tor.out
    grep -q '^250-version=' /tmp/tor.out || { cat /tmp/tor.out; exit 1; }
    expect_owner $pid libevent "$package"
    kill $pid; wait $pid || true
    echo "  tor: its control socket, on $package"
}

use_sslsplit() {
    sslsplit -V >/dev/null 2>&1
    file=$(LD_TRACE_LOADED_OBJECTS=1 /usr/bin/sslsplit | sed -n 's,.*libevent_openssl[^ ]* => \(/[^ ]*\).*,\1,p')
    found=$(dpkg -S "$file" 2>/dev/null || dpkg -S "/usr$file" 2>/dev/null || dpkg -S "${file#/usr}")
    case $found in
    "$1"[:,]*) ;;
    *) echo "sslsplit has $file of $found, not of $1"; exit 1 ;;
    esac
    echo "  sslsplit: starts, on $1"
}

# Each dependant by itself; the first argument is the package that has libevent, the second the one with libevent_core, the
# third the one with libevent_openssl.
use_programs() {
    failed=
    (use_memcached "$1") || failed="$failed memcached"
    (use_tmux "$2") || failed="$failed tmux"
    (use_tor "$1") || failed="$failed tor"
    [ -z "$TLS" ] || (use_sslsplit "$3") || failed="$failed sslsplit"
    [ -z "$failed" ] || { echo "  failed:$failed"; exit 1; }
}

case $1 in
install)
    get update
    get install /packages/first/evoxide-lib*.deb $PROGRAMS
    ! dpkg -l 'libevent-*-7' libev4 2>/dev/null | grep '^ii' || { echo "an original is installed"; exit 1; }
    ldconfig
    echo "  installed: $(dpkg-query -W 'evoxide-*' | tr '\t\n' ' ,')"
    ;;
use) use_programs evoxide-libevent evoxide-libevent evoxide-libevent-openssl ;;
upgrade)
    get install /packages/next/evoxide-lib*.deb
    dpkg-query -W -f '${Version}\n' evoxide-libevent | grep -q '+next'
    apt-get check -qq
    echo "  upgraded: $(dpkg-query -W evoxide-libevent | tr '\t' ' ')"
    ;;
remove)
    # The originals take the place of ours; the dependants stay.
    get install libevent-2.1-7 libevent-core-2.1-7 libevent-extra-2.1-7 libevent-pthreads-2.1-7 libev4 ${TLS:+libevent-openssl-2.1-7}
    ours=$(dpkg-query -W -f '${Package} ' 'evoxide-*' 2>/dev/null || true)
    [ -z "$ours" ] || get purge $ours
    ! dpkg -l 'evoxide-*' 2>/dev/null | grep '^ii' || { echo "ours is still there"; exit 1; }
    ldconfig
    use_programs libevent-2.1-7 libevent-core-2.1-7 libevent-openssl-2.1-7
    ;;
esac
