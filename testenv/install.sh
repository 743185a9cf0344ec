#!/bin/sh
# Installs the system packages that the real servers of the tests need, on Debian 12.
#
#   sh testenv/install.sh              everything
#   sh testenv/install.sh maven java   only these parts
#
# Parts: java jdk maven debootstrap postgres prometheus. What is there already is left
# alone. Versions are those of the suite "bookworm"; a line tells each package that
# is installed, its version and why. Nothing that comes with a package is started.
set -eu

[ $# -gt 0 ] || set -- java jdk maven debootstrap postgres prometheus

want=""
need() { # package, program that shows it is there, why
	if [ -x "$2" ] || command -v "$2" >/dev/null 2>&1; then
		echo "have     $1: $2"
		return
	fi
	echo "install  $1: $3"
	want="$want $1"
}

for part in "$@"; do
	case $part in
	java) need openjdk-17-jre-headless java "runs Kafka and Kafka Connect" ;;
	jdk) need openjdk-17-jdk-headless javac "compiles java/Judge.java, which asks the real classes of Connect" ;;
	maven) need maven mvn "fetches the jars of Kafka, Connect and Debezium at pinned versions" ;;
	debootstrap) need debootstrap debootstrap "unpacks MySQL 9 from Debian sid into a directory of its own" ;;
	postgres) need postgresql-15 /usr/lib/postgresql/15/bin/postgres "PostgreSQL 15 with logical decoding" ;;
	prometheus) need prometheus prometheus "scrapes our metrics, and checks rules and dashboards" ;;
	*)
		echo "install.sh: unknown part $part" >&2
		exit 2
		;;
	esac
done
[ -n "$want" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "install.sh: no apt-get here, install by other means:$want" >&2
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	echo "install.sh: must be root to install:$want" >&2
	exit 1
fi

# Packages must not start their services, nor create a database cluster: the tests
# run their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
	trap 'rm -f '$policy EXIT
fi
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
	case $want in *postgresql*)
		mkdir -p /etc/postgresql-common
		echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
		;;
	esac
fi

export DEBIAN_FRONTEND=noninteractive
# One broken foreign archive must not stop us: the installation below decides.
apt-get -q -o DPkg::Lock::Timeout=180 update || echo "install.sh: apt-get update had errors, going on" >&2
release=""
if apt-cache policy | grep -q 'n=bookworm'; then
	release="-t bookworm"
fi
# shellcheck disable=SC2086 # lists of words
apt-get -q -o DPkg::Lock::Timeout=180 install -y --no-install-recommends -o Dpkg::Options::=--force-confold $release $want ||
	apt-get -q -o DPkg::Lock::Timeout=180 install -y --no-install-recommends -o Dpkg::Options::=--force-confold $want
# shellcheck disable=SC2086
dpkg-query -W -f 'installed ${Package} ${Version}\n' $want
