# RFC 4180 on lines: with FS = "\"", an even NF means that an enclosure is still open, so the record goes on in the next line.
# A program reads with record(path), takes one value with value(i), or all of them with values(into).

# Reads the next whole record of the file into $0, without its line break; 0 at the end. `terminator` is the length of the break.
function record(path,   line) {
  if ((getline < path) <= 0) return 0
  while (NF > 0 && NF % 2 == 0) {
    if ((getline line < path) <= 0) fail(path ": a quote is still open at the end")
    $0 = $0 "\n" line
  }
  terminator = 1
  if (substr($0, length($0)) == "\r") {
    $0 = substr($0, 1, length($0) - 1)
    terminator = 2
  }
  return 1
}

# True when the first i values are quoted and hold no quote: then the i-th is $(2 * i), and the record need not be taken apart.
function aligned(i,   k) {
  for (k = 3; k < 2 * i && $k == ","; k += 2);
  return k > 2 * i && $1 == "" && ($k == "," || k == NF && $k == "")
}

function value(i,   all) {
  if (aligned(i)) return $(2 * i)
  values(all)
  return all[i]
}

# All values of the record; returns how many. Odd pieces lie outside of quotes, even ones inside, and an empty odd one is an escaped quote.
function values(into,   piece, rest, count, current) {
  delete into
  count = 0
  current = ""
  for (piece = 1; piece <= NF; piece++) {
    if (piece % 2 == 0) current = current $piece
    else if ($piece == "" && piece > 1 && piece < NF) current = current "\""
    else {
      rest = $piece
      while (index(rest, ",")) {
        into[++count] = current substr(rest, 1, index(rest, ",") - 1)
        current = ""
        rest = substr(rest, index(rest, ",") + 1)
      }
      current = current rest
    }
  }
  into[++count] = current
  return count
}

function quoted(text) {
  gsub(/"/, "\"\"", text)
  return "\"" text "\""
}

function json(text) {
  gsub(/\\/, "\\\\", text)
  gsub(/"/, "\\\"", text)
  gsub(/\n/, "\\n", text)
  gsub(/\r/, "\\r", text)
  gsub(/\t/, "\\t", text)
  return "\"" text "\""
}

function fail(message) {
  print message > "/dev/stderr"
  exit failed = 1
}
