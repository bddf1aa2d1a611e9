-- Workers that are alive, have their model loaded and serve a queue. ARGV: now or '', queue, or '' for any.
local now, queue = text(clock(ARGV[1])), ARGV[2]
redis.call('ZREMRANGEBYSCORE', OURS .. ':ready', '-inf', now)
if queue == '' then return redis.call('ZCARD', OURS .. ':ready') end
local num = 0
for _, worker in ipairs(redis.call('ZRANGE', OURS .. ':ready', 0, -1)) do
  local queues = redis.call('HGET', worker_key(worker), 'queues') or ''
  if string.find(',' .. queues .. ',', ',' .. queue .. ',', 1, true) then num = num + 1 end
end
return num
