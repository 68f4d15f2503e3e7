-- Compare the version and remove. KEYS: the head. ARGV: expect, not_after, the prefix of its lane keys.
-- Answers {0, version found}, {1, [mark, stamp of its entry, ...], stamp of the entry by name} or {2}: too late.
local now = redis.call('TIME')
if tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000) > tonumber(ARGV[2]) then
    return {2}
end
local found = redis.call('HGET', KEYS[1], 'v') or '0'
if found ~= ARGV[1] then
    return {0, found}
end
local marks = {}
local fields = redis.call('HGETALL', KEYS[1])
for at = 1, #fields, 2 do
    local kind, name = string.sub(fields[at], 1, 1), string.sub(fields[at], 2)
    if kind == 'M' then
        marks[#marks + 1] = name
        marks[#marks + 1] = string.match(fields[at + 1], ' (.*)$')
    elseif kind == 'L' then
        redis.call('UNLINK', ARGV[3] .. name) -- of the same slot: the name has the same hash tag
    end
end
local stamp = redis.call('HGET', KEYS[1], 'n')
redis.call('UNLINK', KEYS[1])
return {1, marks, stamp}
