-- Move the job at the head of the first queue that has one, and the jobs behind it that can share its batch, from the
-- list into RQ's records of what runs. They are in one record or the other at every moment.
-- ARGV: now or '', worker, lease in seconds, how far to look, number of queues, queues ..., execution ids (one a job) ...
-- Returns {queue, {id, execution, request, timeout}, ...}, or nothing.
local now, worker, lease, reach, num_queues = clock(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local first_execution = 6 + num_queues
local num_executions = #ARGV - first_execution + 1

local function start(queue, id, execution)
  local composite, worker_executions = id .. ':' .. execution, worker_key(worker) .. ':executions'
  leave_line(queue, id)
  redis.call('HSET', job_key(id), 'status', 'started', 'started_at', iso(now), 'last_heartbeat', iso(now), 'worker_name',
    worker, 'progress', '0', 'updated_at', text(now))
  redis.call('PERSIST', job_key(id))
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

for q = 6, 5 + num_queues do
  local queue, claimed, batch = ARGV[q], { ARGV[q] }, nil
  for _, id in ipairs(redis.call('LRANGE', list_key(queue), 0, reach - 1)) do
    local job = redis.call('HMGET', job_key(id), 'status', 'batch_key', 'request', 'timeout')
    if job[1] ~= 'queued' then
      leave_line(queue, id) -- erased, or ended by another tool, while it waited
    elseif not batch or batch == job[2] then
      batch = job[2] or ''
      local execution = ARGV[first_execution + #claimed - 1]
      start(queue, id, execution)
      claimed[#claimed + 1] = { id, execution, job[3] or '', tonumber(job[4]) or 600 }
      if #claimed > num_executions then break end
    end
  end
  if redis.call('EXISTS', list_key(queue)) == 0 then redis.call('DEL', bell_key(queue)) end
  if #claimed > 1 then
    redis.call('HSET', worker_key(worker), 'state', 'busy')
    return claimed
  end
end
return {}
