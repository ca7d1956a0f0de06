-- wrk -s wrk.lua URL -- METHOD BODY_BYTES [FIELD VALUES_FILE]
-- No `request` or `response` function unless values change: wrk would call it for every request, and the load tool must stay cheap.
function init(args)
  wrk.method = args[1]
  if tonumber(args[2]) > 0 then wrk.body = string.rep("x", tonumber(args[2])) end
  if args[3] then takeTurns(args[3], args[4]) end
end

-- One value of the field per line; requests take them in turn.
function takeTurns(field, file)
  local requests = {}
  for value in io.lines(file) do
    wrk.headers[field] = value
    requests[#requests + 1] = wrk.format()
  end
  local turn = 0
  request = function()
    turn = turn % #requests + 1
    return requests[turn]
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"elapsedUs":%d,"p50Us":%d,"p99Us":%d,"p999Us":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    errors.connect, errors.read, errors.write, errors.status, errors.timeout
  ))
end
