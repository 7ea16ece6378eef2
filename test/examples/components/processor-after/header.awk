# Writes the columns of the first record to a manifest, and prints how many bytes the record takes (with LC_ALL=C).
BEGIN {
  FS = "\""
  if (!record(path)) fail(path " has no header")
  size = length($0) + terminator
  columns = values(header)
  for (i = 1; i <= columns; i++) list = list (i > 1 ? ", " : "") json(header[i])
  print "{\"columns\": [" list "]}" > manifest
  print size
}
