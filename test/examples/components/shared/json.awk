# Flattens JSON: one line per scalar, its dotted path, a tab, its value. Line breaks, tabs and backslashes of a value come as \n, \r, \t and \\.
# LC_ALL=C awk -f json.awk config.json
{ text = text $0 "\n" }

END {
  at = 1
  size = length(text)
  value("")
}

function value(path,   c) {
  space()
  c = substr(text, at, 1)
  if (c == "{") object(path)
  else if (c == "[") list(path)
  else if (c == "\"") print path "\t" string()
  else print path "\t" bare()
}

function object(path,   key) {
  at++
  while (next_character() != "}") {
    key = string()
    next_character()
    at++
    value(path == "" ? key : path "." key)
    if (next_character() == ",") at++
  }
  at++
}

function list(path,   i) {
  at++
  for (i = 0; next_character() != "]"; i++) {
    value(path "." i)
    if (next_character() == ",") at++
  }
  at++
}

function next_character() {
  space()
  if (at > size) {
    print "json.awk: the text ends too early" > "/dev/stderr"
    exit 2
  }
  return substr(text, at, 1)
}

function space() {
  while (at <= size && index(" \t\r\n", substr(text, at, 1))) at++
}

function bare(   start) {
  start = at
  while (at <= size && !index(" \t\r\n,]}", substr(text, at, 1))) at++
  return substr(text, start, at - start)
}

function string(   out, c) {
  at++
  while (at <= size && (c = substr(text, at, 1)) != "\"") {
    if (c != "\\") {
      out = out c
      at++
      continue
    }
    c = substr(text, at + 1, 1)
    at += 2
    if (c == "u") out = out unicode()
    else if (index("nrt\\", c)) out = out "\\" c
    else if (c == "b") out = out "\b"
    else if (c == "f") out = out "\f"
    else out = out c
  }
  at++
  return out
}

# The UTF-8 bytes of the escape whose four digits come next, and of its second half.
function unicode(   code, low) {
  code = hex(substr(text, at, 4))
  at += 4
  if (code >= 55296 && code < 56320 && substr(text, at, 2) == "\\u") {
    low = hex(substr(text, at + 2, 4))
    at += 6
    code = 65536 + (code - 55296) * 1024 + low - 56320
  }
  if (code == 9) return "\\t"
  if (code == 10) return "\\n"
  if (code == 13) return "\\r"
  if (code == 92) return "\\\\"
  if (code < 128) return sprintf("%c", code)
  if (code < 2048) return byte(192 + int(code / 64)) byte(128 + code % 64)
  if (code < 65536) return byte(224 + int(code / 4096)) byte(128 + int(code / 64) % 64) byte(128 + code % 64)
  return byte(240 + int(code / 262144)) byte(128 + int(code / 4096) % 64) byte(128 + int(code / 64) % 64) byte(128 + code % 64)
}

function byte(code) {
  return sprintf("%c", code)
}

function hex(digits,   i, number) {
  for (i = 1; i <= length(digits); i++) number = number * 16 + index("0123456789abcdef", tolower(substr(digits, i, 1))) - 1
  return number
}
