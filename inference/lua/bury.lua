-- A worker that is gone leaves RQ's registration and ours. ARGV: worker, queues ... Returns whether it had its model loaded.
redis.call('DEL', worker_key(ARGV[1]), stats_key(ARGV[1]), worker_key(ARGV[1]) .. ':executions')
redis.call('SREM', RQ .. ':workers', worker_key(ARGV[1]))
local was_ready = redis.call('ZREM', OURS .. ':ready', ARGV[1])
for q = 2, #ARGV do
  redis.call('SREM', RQ .. ':workers:' .. ARGV[q], worker_key(ARGV[1]))
  redis.call('ZREM', idle_key(ARGV[q]), ARGV[1])
end
return was_ready
