#!/bin/sh
# Adds to every order its amount in euro, by the rates of the day; counts per currency; remembers in its state what it did.
set -eu
flat=/tmp/config
awk -f /usr/lib/component/json.awk /data/config.json >"$flat"
parameter() {
  sed -n "s/^parameters\.$1	//p" "$flat"
}
state() {
  awk -f /usr/lib/component/json.awk /data/in/state.json | sed -n "s/^$1	//p"
}
key=$(parameter '#api_key')
if [ -z "$key" ]; then
  echo 'The parameter #api_key is missing.' >&2
  exit 1
fi
echo "Příkaz běží with the key $key"

runs=$(state runs)
runs=$((${runs:-0} + 1))
before=$(state rows)
[ -z "$before" ] || echo "Run $runs; the one before saw $before rows"

# The first process of a container gets SIGTERM only if it asks for it, and a shell that waits in the foreground would act too late.
trap 'kill "$worker"; exit 143' TERM
awk -f /usr/lib/component/csv.awk -f /usr/lib/component/convert.awk \
  -v amount_column="$(parameter amount_column)" -v currency_column="$(parameter currency_column)" \
  -v runs="$runs" >/data/out/tables/orders-eur.csv &
worker=$!
wait "$worker"
