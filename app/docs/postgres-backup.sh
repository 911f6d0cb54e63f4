#!/bin/sh
# Backs up Kontor's PostgreSQL database, and restores it, with PostgreSQL's own tools:
#
#   postgres-backup.sh backup FILE     while everything runs
#   postgres-backup.sh restore FILE    into an empty database, while nothing runs
#
# Which database it is say PGHOST, PGPORT, PGUSER and PGDATABASE, and PGPASSFILE where the password stands (never an address
# with a password: everybody on this machine could read it). Restoring also runs Kontor itself, so its settings
# (DATABASE_URL, ERASURE_LOG, SECRET_KEY_FILE …) must be in the environment, and its program in KONTOR.
set -eu
umask 077

die() { echo "postgres-backup.sh: $*" >&2; exit 1; }

[ $# = 2 ] || die "takes backup FILE or restore FILE"
file=$2
: "${PGDATABASE:?is the name of the database}"

case $1 in
backup)
  [ ! -e "$file" ] || die "$file is there already"
  part=$(mktemp "$file.part.XXXXXX") # of its own: what a killed run left, or another one writes, is in nobody's way
  trap 'rm -f "$part"' EXIT
  trap 'exit 1' HUP INT TERM
  # which processes run now is nothing that a restored database should believe
  pg_dump --format=custom --no-owner --no-privileges --exclude-table-data=process --file="$part"
  pg_restore --list "$part" >/dev/null
  sync "$part"
  ln "$part" "$file"
  ;;
restore)
  kontor=${KONTOR:-/usr/local/bin/app}
  pg_restore --list "$file" >/dev/null
  tables=$(psql --no-psqlrc --tuples-only --no-align --command="SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
  [ "$tables" = 0 ] || die "the database $PGDATABASE has $tables tables: restore into an empty one (dropdb, createdb)"
  # --no-comments: only a superuser may comment on an extension
  pg_restore --exit-on-error --single-transaction --no-owner --no-privileges --no-comments --dbname="$PGDATABASE" "$file"
  "$kontor" migrate
  "$kontor" erasures apply
  ;;
*)
  die "takes backup FILE or restore FILE"
  ;;
esac
