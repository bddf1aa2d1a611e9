-- Take jobs back from whoever ran them, to the front of their list in the order they came.
-- ARGV: now or '', which: 'expired', 'worker' or 'execution', price in retries (0 or 1), then
--   expired: queues ...; worker: its name, executions to leave with it ...; execution: queue, id, execution.
-- A job that was to be cancelled ends so; one with no retry left fails. Returns the ids that wait again.
local now, which, price = clock(ARGV[1]), ARGV[2], tonumber(ARGV[3])

local function split(composite) return string.match(composite, '^([^:]+):(.+)$') end

local function find()
  local found = {}
  local function add(queue, composite)
    local id, execution = split(composite)
    queue = queue or redis.call('HGET', job_key(id), 'origin')
    if queue and redis.call('ZSCORE', started_key(queue), composite) then
      found[#found + 1] = { queue = queue, id = id, execution = execution }
    end
  end
  if which == 'execution' then add(ARGV[4], ARGV[5] .. ':' .. ARGV[6]) end
  if which == 'worker' then
    local left = {}
    for i = 5, #ARGV do left[ARGV[i]] = true end
    for _, composite in ipairs(redis.call('SMEMBERS', worker_key(ARGV[4]) .. ':executions')) do
      local _, execution = split(composite)
      if not left[execution] then add(nil, composite) end
    end
  end
  for q = 4, which == 'expired' and #ARGV or 0 do
    for _, composite in ipairs(redis.call('ZRANGEBYSCORE', started_key(ARGV[q]), '-inf', text(now + MARGIN_S))) do
      add(ARGV[q], composite)
    end
  end
  return found
end

local found, waiting = find(), {}
for _, run in ipairs(found) do
  run.came = tonumber(redis.call('HGET', job_key(run.id), 'submitted_at') or '0')
end
table.sort(found, function(a, b) return a.came > b.came end)

for _, run in ipairs(found) do
  local key = job_key(run.id)
  local job = redis.call('HMGET', key, 'status', 'retries_left', 'cancel', 'worker_name')
  local retries_left = (tonumber(job[2]) or 0) - price
  end_execution(run.queue, run.id, run.execution, job[4] or '')
  if job[1] == 'started' and job[3] then
    conclude(run.queue, run.id, 'stopped', now, CANCELLED)
  elseif job[1] == 'started' and retries_left < 0 then
    conclude(run.queue, run.id, 'failed', now, { 'error_code', 'WORKER_LOST', 'error_message',
      'The machine that made this picture failed several times. Please try again.' })
  elseif job[1] == 'started' then
    redis.call('HSET', key, 'status', 'queued', 'retries_left', retries_left, 'worker_name', '', 'started_at', '',
      'progress', '0', 'updated_at', text(now))
    if price > 0 and retries_left < 1 then redis.call('HSET', key, 'runs_alone', '1') end -- while there are some left
    rejoin_at_front(run.queue, run.id)
    waiting[#waiting + 1] = run.id
    changed(run.id)
  end
end
return waiting
