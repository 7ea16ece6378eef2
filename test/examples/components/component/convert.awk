# Reads rates.csv and orders.csv; writes the orders with one more column to the standard output, and summary, report and state beside it.
BEGIN {
  FS = "\""
  read_rates()
  read_orders()
  write_summary()
  write_state()
}

function read_rates(   path) {
  path = "/data/in/tables/rates.csv"
  record(path)
  while (record(path)) rate[value(1)] = value(2)
}

function read_orders(   path, header, columns, i, amount, currency, last, all, name, euro) {
  path = "/data/in/tables/orders.csv"
  if (!record(path)) fail(path " is empty")
  columns = values(header)
  for (i = 1; i <= columns; i++) {
    if (header[i] == amount_column) amount = i
    if (header[i] == currency_column) currency = i
  }
  if (!amount || !currency) fail(path " has no columns " amount_column " and " currency_column)
  last = amount > currency ? amount : currency
  print $0 ",\"amount_eur\""
  while (record(path)) {
    if (aligned(last)) {
      name = $(2 * currency)
      euro = $(2 * amount)
    } else {
      values(all)
      name = all[currency]
      euro = all[amount]
    }
    if (name in rate) {
      euro = sprintf("%.2f", euro / rate[name])
      sum[name] += euro
    } else {
      euro = ""
    }
    count[name]++
    print $0 ",\"" euro "\""
    if (++rows % 250000 == 0) print rows " orders converted" > "/dev/stderr"
  }
}

function write_summary(   name, path, report) {
  path = "/data/out/tables/summary.csv"
  report = "/data/out/files/report.txt"
  print "\"currency\",\"orders\",\"amount_eur\"" > path
  for (name in count) {
    printf "%s,\"%d\",\"%.2f\"\n", quoted(name), count[name], sum[name] > path
    if (!(name in rate)) print "No rate for " name ": " count[name] " orders are left without an amount" > "/dev/stderr"
  }
  printf "Run %d converted %d orders of %d currencies.\n", runs, rows, length(count) > report
  print "{\"tags\": [\"demo\", \"report\"], \"is_permanent\": true}" > (report ".manifest")
}

function write_state() {
  printf "{\"runs\": %d, \"rows\": %d}\n", runs, rows > "/data/out/state.json"
}
