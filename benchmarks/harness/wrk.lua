-- Posts the lines of a file in turn and counts answers by status; prints one line of JSON.
--   wrk -t1 -c8 -d10s -s wrk.lua URL -- FILE CONTENT-TYPE
local threads = {}

function setup(thread)
   table.insert(threads, thread)
end

function init(args)
   requests = {}
   statuses = {}
   for line in io.lines(args[1]) do
      requests[#requests + 1] = wrk.format("POST", nil, {["Content-Type"] = args[2]}, line)
   end
   at = 0
end

function request()
   at = at % #requests + 1
   return requests[at]
end

function response(status, headers, body)
   statuses[status] = (statuses[status] or 0) + 1
end

function done(summary, latency, requests)
   local counts = {}
   for _, thread in ipairs(threads) do
      for status, count in pairs(thread:get("statuses")) do
         counts[status] = (counts[status] or 0) + count
      end
   end
   local parts = {}
   for status, count in pairs(counts) do
      parts[#parts + 1] = string.format('"%d": %d', status, count)
   end
   local errors = summary.errors
   io.write(string.format(
      '{"seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f, "statuses": {%s}, ' ..
      '"errors": {"connect": %d, "read": %d, "write": %d, "timeout": %d}}\n',
      summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      latency.max / 1e3, table.concat(parts, ", "),
      errors.connect, errors.read, errors.write, errors.timeout))
end
