-- wrk -s wrk.lua URL -- METHOD BODY_BYTES [COOKIES_FILE]
-- No `request` or `response` function unless there are cookies: wrk would call it for every request, and the load tool must stay cheap.
function init(args)
  wrk.method = args[1]
  if tonumber(args[2]) > 0 then wrk.body = string.rep("x", tonumber(args[2])) end
  if args[3] then sendCookies(args[3]) end
end

-- One cookie per line; requests take them in turn.
function sendCookies(file)
  local requests = {}
  for cookie in io.lines(file) do
    wrk.headers["Cookie"] = cookie
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
    '\n{"requests":%d,"elapsedUs":%d,"p50Us":%d,"p99Us":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.status, errors.timeout
  ))
end
