-- Move the job at the head of the first queue that has one, and jobs behind it that can share its batch, from the line
-- into RQ's records of what runs. They are in one record or the other at every moment.
-- ARGV: now or '', worker, lease in seconds, how far to look, for how many seconds a worker that finds nothing counts as
--   idle, or '' when it claims ahead, while its device is busy: then no queue is touched that another worker is idle for,
--   number of queues, queues ..., execution ids (one a job) ...
-- Returns {queue, {id, execution, request, timeout}, ...}, or nothing.
local now, worker, lease, reach, idle_s = clock(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local num_queues = tonumber(ARGV[6])
local first_execution = 7 + num_queues
local num_executions = #ARGV - first_execution + 1

local function start(queue, id, execution, is_first)
  local composite, worker_executions = id .. ':' .. execution, worker_key(worker) .. ':executions'
  take_turn(queue, id, is_first)
  redis.call('HSET', job_key(id), 'status', 'started', 'started_at', iso(now), 'last_heartbeat', iso(now), 'worker_name',
    worker, 'progress', '0', 'updated_at', text(now))
  redis.call('PERSIST', job_key(id))
  if redis.call('HSETNX', job_key(id), 'claimed_at', text(now)) == 1 then -- the first time
    observe(queue, 'wait', now - tonumber(redis.call('HGET', job_key(id), 'submitted_at') or now))
  end
  redis.call('ZADD', started_key(queue), text(now + lease + MARGIN_S), composite)
  redis.call('HSET', RQ .. ':execution:' .. composite, 'id', execution, 'job_id', id, 'created_at', text(now),
    'last_heartbeat', text(now), 'worker_name', worker)
  redis.call('EXPIRE', RQ .. ':execution:' .. composite, MARGIN_S)
  redis.call('ZADD', RQ .. ':executions:' .. id, text(now + MARGIN_S), execution)
  redis.call('EXPIRE', RQ .. ':executions:' .. id, MARGIN_S)
  redis.call('SADD', worker_executions, composite)
  redis.call('EXPIRE', worker_executions, MARGIN_S)
  changed(id)
end

-- Whether another worker could take this queue's jobs now. One that died while it was idle counts until its time is over.
local function is_for_another(queue)
  redis.call('ZREMRANGEBYSCORE', idle_key(queue), '-inf', text(now))
  return redis.call('ZCARD', idle_key(queue)) > (redis.call('ZSCORE', idle_key(queue), worker) and 1 or 0)
end

-- A job that has outlived two workers may be what kills them: nothing shares its batch, or is claimed while it runs.
local function runs_alone(id) return redis.call('HEXISTS', job_key(id), 'runs_alone') == 1 end

local function has_one_that_runs_alone()
  for _, composite in ipairs(redis.call('SMEMBERS', worker_key(worker) .. ':executions')) do
    if runs_alone(string.match(composite, '^[^:]+')) then return true end
  end
  return false
end

-- The jobs near the head that can share its batch, in order; up to one that others have overtaken often enough: what is
-- behind that one waits until it is taken.
local function company(queue)
  local found, batch = {}, nil
  for _, id in ipairs(redis.call('ZRANGE', line_key(queue), 0, reach - 1)) do
    local job = redis.call('HMGET', job_key(id), 'status', 'batch_key', 'request', 'timeout', 'garment', 'overtaken')
    if job[1] ~= 'queued' then
      leave_line(queue, id) -- erased, or ended by another tool, while it waited
    else
      local is_alone = runs_alone(id)
      if is_alone and not batch and not idle_s then return {} end
      local fits, overtaken = not batch or not is_alone and batch == (job[2] or ''), tonumber(job[6]) or 0
      batch = batch or job[2] or ''
      found[#found + 1] = { id = id, request = job[3] or '', timeout = tonumber(job[4]) or 600, fits = fits,
        garment = job[5], is_due = overtaken >= MOST_OVERTAKEN }
      if num_executions == 1 or is_alone and #found == 1 then break end -- the head is enough
      if not fits and overtaken >= MOST_OVERTAKEN then break end
    end
  end
  return found
end

-- The head; then those that were overtaken often enough; then those that try on the head's garment; then the others.
local function chosen(found)
  local take, num = {}, 0
  local function take_those(wanted)
    for i, job in ipairs(found) do
      if num < num_executions and job.fits and not take[i] and wanted(i, job) then take[i], num = true, num + 1 end
    end
  end
  take_those(function(i) return i == 1 end)
  take_those(function(_, job) return job.is_due end)
  take_those(function(_, job) return job.garment and job.garment == found[1].garment end)
  take_those(function() return true end)
  return take, num
end

if redis.call('EXISTS', RQ .. ':suspended') == 1 then return {} end
if not idle_s and has_one_that_runs_alone() then return {} end
for q = 7, 6 + num_queues do
  local queue, claimed = ARGV[q], { ARGV[q] }
  if idle_s or not is_for_another(queue) then
    if not is_line_whole(queue) then mend_line(queue) end
    local found = company(queue)
    local take, num = chosen(found)
    for i, job in ipairs(found) do
      if take[i] then
        local execution = ARGV[first_execution + #claimed - 1]
        start(queue, job.id, execution, i == 1)
        claimed[#claimed + 1] = { job.id, execution, job.request, job.timeout }
      elseif #claimed <= num then
        redis.call('HINCRBY', job_key(job.id), 'overtaken', 1)
      end
    end
    if redis.call('EXISTS', list_key(queue)) == 0 then redis.call('DEL', bell_key(queue)) end
    if #claimed > 1 then
      for other = 7, 6 + num_queues do redis.call('ZREM', idle_key(ARGV[other]), worker) end
      redis.call('HSET', worker_key(worker), 'state', 'busy')
      return claimed
    end
  end
end
if idle_s then
  for q = 7, 6 + num_queues do redis.call('ZADD', idle_key(ARGV[q]), text(now + idle_s), worker) end
end
return {}
