#!/bin/sh
# Makes a table of every file of exchange rates (lines of a currency, a space and its units per euro), and hands everything else on.
set -eu
parameter() {
  awk -f /usr/lib/component/json.awk /data/config.json | sed -n "s/^parameters\.$1	//p"
}
suffix=$(parameter suffix)
: "${suffix:=_rates.txt}"

for path in /data/in/tables/* /data/in/files/*; do
  [ -e "$path" ] || continue
  name=${path##*/}
  case $path in
    *.manifest) [ ! -e "/data/out/${path#/data/in/}" ] && [ -e "${path%.manifest}" ] && mv "$path" "/data/out/${path#/data/in/}" || true ;;
    *"$suffix")
      awk 'BEGIN { print "\"currency\",\"rate\"" }
        /^[A-Z][A-Z][A-Z] [0-9.]+$/ { printf "\"%s\",\"%s\"\n", $1, $2; rows++; next }
        NF && !/^#/ { print FILENAME ": line " NR " is no rate: " $0 > "/dev/stderr"; exit failed = 1 }
        END { if (!failed) print rows " rates read from " FILENAME > "/dev/stderr"; exit failed }
      ' "$path" >/data/out/tables/rates.csv
      rm -f "$path.manifest"
      ;;
    *) mv "$path" "/data/out/${path#/data/in/}" ;;
  esac
done
