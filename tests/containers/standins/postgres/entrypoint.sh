#!/bin/sh
# Makes the database at the first start, from the variables that the published image knows.
set -eu
sockets=/var/run/postgresql
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$PGDATA"
    initdb --pgdata="$PGDATA" --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" \
        --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    pg_ctl --wait --options="-c listen_addresses='' -k $sockets" start
    createdb --host="$sockets" --username="$POSTGRES_USER" "$POSTGRES_DB" || test "$POSTGRES_DB" = postgres
    pg_ctl --wait --mode=fast stop
fi
exec postgres -c listen_addresses='*' -k "$sockets"
