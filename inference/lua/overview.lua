-- What there is to see, in one look whose cost does not grow with the jobs that wait. ARGV: now or ''.
-- Returns {now, queues, workers, jobs}:
--   queues: {name, waiting, running, idle workers, {shop, how many of it wait, when the first was submitted, ...}, moments
--     of its last pictures, what `observe` kept};
--   workers: {name, state of RQ's, queues, what it counts as JSON, when it said so, until when it counts as ready,
--     {job, its progress, ...}};
--   jobs: what `count_job` kept.
local now = clock(ARGV[1])
local MOST_JOBS = 8 -- of one worker, that are named

local function shops_of(name)
  local shops = {}
  for _, field in ipairs(redis.call('HKEYS', turns_key(name))) do
    local shop = string.match(field, '^weight:(.*)$')
    local first = shop and redis.call('ZRANGE', shop_line_key(name, shop), 0, 0)[1]
    if first then
      shops[#shops + 1], shops[#shops + 2] = shop, redis.call('ZCARD', shop_line_key(name, shop))
      shops[#shops + 1] = redis.call('HGET', job_key(first), 'submitted_at') or ''
    end
  end
  return shops
end

local function queue_of(name)
  return { name, redis.call('LLEN', list_key(name)), redis.call('ZCARD', started_key(name)),
    redis.call('ZCOUNT', idle_key(name), text(now), '+inf'), shops_of(name),
    redis.call('LRANGE', OURS .. ':finished:' .. name, 0, -1), redis.call('HGETALL', seconds_key(name)) }
end

local function jobs_of(worker)
  local jobs = {}
  for _, composite in ipairs(redis.call('SMEMBERS', worker_key(worker) .. ':executions')) do
    if #jobs >= 2 * MOST_JOBS then break end
    local id = string.match(composite, '^[^:]+')
    jobs[#jobs + 1], jobs[#jobs + 2] = id, redis.call('HGET', job_key(id), 'progress') or ''
  end
  return jobs
end

local queues, workers = {}, {}
for _, key in ipairs(redis.call('SMEMBERS', RQ .. ':queues')) do
  queues[#queues + 1] = queue_of(string.sub(key, #list_key('') + 1))
end
for _, key in ipairs(redis.call('SMEMBERS', RQ .. ':workers')) do
  local name = string.sub(key, #worker_key('') + 1)
  local counted, known = redis.call('HMGET', stats_key(name), 'stats', 'updated_at'), redis.call('HMGET', key, 'state', 'queues')
  if counted[1] then -- else it is another's, or long dead
    workers[#workers + 1] = { name, known[1] or '', known[2] or '', counted[1], counted[2],
      redis.call('ZSCORE', OURS .. ':ready', name) or '', jobs_of(name) }
  end
end
return { text(now), queues, workers, redis.call('HGETALL', OURS .. ':jobs') }
