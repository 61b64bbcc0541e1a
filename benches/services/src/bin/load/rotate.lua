-- Sends the tokens of the file TOKENS in turn, one to a line, and writes what came of it as one line of JSON.

local requests, turn = {}, 0

function init()
   for token in io.lines(os.getenv("TOKENS")) do
      requests[#requests + 1] = wrk.format("GET", "/me", { Authorization = "Bearer " .. token })
   end
end

function request()
   turn = turn % #requests + 1
   return requests[turn]
end

function done(summary, latency)
   local bad = summary.errors
   io.write(string.format('{"requests":%d,"micros":%d,"bad":%d,"p50":%d,"p99":%d}\n', summary.requests,
      summary.duration, bad.connect + bad.read + bad.write + bad.status + bad.timeout,
      latency:percentile(50), latency:percentile(99)))
end
