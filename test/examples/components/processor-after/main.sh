#!/bin/sh
# Moves the header of every table into a manifest, so that the data is data alone; hands everything else on.
set -eu
for path in /data/in/files/* /data/in/tables/*; do
  [ -e "$path" ] || continue
  target=/data/out/${path#/data/in/}
  case $path in
    /data/in/tables/*.csv)
      if [ -e "$path.manifest" ] || [ -d "$path" ]; then
        mv "$path" "$target"
      else
        header=$(awk -f /usr/lib/component/csv.awk -f /usr/lib/component/header.awk -v path="$path" -v manifest="$target.manifest")
        tail -c "+$((header + 1))" "$path" >"$target"
        rm "$path"
      fi
      ;;
    *) mv "$path" "$target" ;;
  esac
done
