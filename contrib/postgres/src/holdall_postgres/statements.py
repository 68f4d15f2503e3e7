"""The SQL: each verb is one statement, so that it is one moment, one round trip and one transaction."""

from __future__ import annotations

__all__ = ["CREATE", "DROP", "LOAD", "MOVE", "VERSION", "WALK_MARK", "WALK_NAMES"]

VERSION = "SELECT version FROM {schema}.heads WHERE partition = %(partition)s"

_BEGIN = """
WITH head AS ({head}),
erase AS (
    SELECT * FROM unnest(%(erase_lane)s::bytea[], %(erase_start)s::bigint[], %(erase_stop)s::bigint[]) AS e (lane, start, stop)
),
removed AS (
    DELETE FROM {{schema}}.lanes USING head WHERE partition = %(partition)s AND lane = ANY(%(gone)s::bytea[])
),
erased AS (
    DELETE FROM {{schema}}.records AS r USING head, erase AS e
    WHERE r.partition = %(partition)s AND r.lane = e.lane AND r.position >= e.start AND r.position < e.stop
),
moved AS (
    INSERT INTO {{schema}}.lanes (partition, lane, first, stop, rewritten)
    SELECT %(partition)s, l.* FROM head,
        unnest(%(lane)s::bytea[], %(first)s::bigint[], %(stop)s::bigint[], %(rewritten)s::bigint[]) AS l
    ON CONFLICT (partition, lane)
    DO UPDATE SET first = excluded.first, stop = excluded.stop, rewritten = excluded.rewritten
),
unmarked AS (
    DELETE FROM {{schema}}.marks USING head WHERE partition = %(partition)s AND mark = ANY(%(unmark)s::bytea[])
),
marked AS (
    INSERT INTO {{schema}}.marks (partition, mark, score)
    SELECT %(partition)s, m.* FROM head, unnest(%(mark)s::bytea[], %(score)s::bigint[]) AS m
    ON CONFLICT (partition, mark) DO UPDATE SET score = excluded.score
),
written AS (
    INSERT INTO {{schema}}.records (partition, lane, position, crc, data)
    SELECT %(partition)s, w.* FROM head,
        unnest(%(write_lane)s::bytea[], %(position)s::bigint[], %(crc)s::bigint[], %(data)s::bytea[]) AS w
    ON CONFLICT (partition, lane, position) DO UPDATE SET crc = excluded.crc, data = excluded.data
)
SELECT version FROM head
"""

CREATE = _BEGIN.format(
    head="""
    INSERT INTO {schema}.heads (partition, version, changed, expires_at)
    VALUES (%(partition)s, %(version)s, %(changed)s, %(expires_at)s)
    ON CONFLICT DO NOTHING RETURNING version"""
)
MOVE = _BEGIN.format(
    head="""
    UPDATE {schema}.heads SET version = %(version)s, changed = %(changed)s, expires_at = %(expires_at)s
    WHERE partition = %(partition)s AND version = %(expect)s RETURNING version"""
)

DROP = """
WITH head AS (
    DELETE FROM {schema}.heads WHERE partition = %(partition)s AND version = %(expect)s RETURNING version
),
removed AS (DELETE FROM {schema}.lanes USING head WHERE partition = %(partition)s),
unmarked AS (DELETE FROM {schema}.marks USING head WHERE partition = %(partition)s),
erased AS (DELETE FROM {schema}.records USING head WHERE partition = %(partition)s)
SELECT version FROM head
"""

_READ = """
WITH page AS MATERIALIZED ({page}),
span AS (
    SELECT * FROM unnest(%(span_lane)s::bytea[], %(start)s::bigint[], %(stop)s::bigint[]) AS s (lane, start, stop)
)
SELECT h.partition, p.place, h.version AS a, h.changed AS b, h.expires_at AS c, (
        SELECT string_agg(
            int4send(octet_length(lane)) || lane || int8send(first) || int8send(stop) || int8send(rewritten), ''::bytea
        ) FROM {{schema}}.lanes WHERE partition = p.partition
    ) AS name, (
        SELECT string_agg(int4send(octet_length(mark)) || mark || int8send(score), ''::bytea)
        FROM {{schema}}.marks WHERE partition = p.partition
    ) AS data
    FROM page AS p JOIN {{schema}}.heads AS h USING (partition)
UNION ALL
SELECT l.partition, NULL, r.position, r.crc, NULL, l.lane, r.data
    FROM page CROSS JOIN span AS s
    CROSS JOIN LATERAL (
        SELECT * FROM {{schema}}.lanes WHERE partition = page.partition AND lane = s.lane OFFSET 0
    ) AS l
    CROSS JOIN LATERAL (
        SELECT position, crc, data FROM {{schema}}.records
        WHERE partition = l.partition AND lane = l.lane
            AND position >= CASE WHEN s.start < 0 THEN l.stop + s.start ELSE s.start END
            AND position < coalesce(s.stop, l.stop)
        OFFSET 0
    ) AS r
"""
"""``OFFSET 0`` is a fence: lanes and positions are looked up in the index, not filtered from the whole table or lane.

A row for each head, with its place in the walk and its lanes and marks packed together, and one for each record."""

LOAD = _READ.format(page="SELECT %(partition)s::bytea AS partition, 1::bigint AS place")
WALK_NAMES = _READ.format(
    page="""
    SELECT partition, row_number() OVER (ORDER BY partition {order}) AS place FROM {schema}.heads
    WHERE %(behind)s::bytea IS NULL OR partition {beyond} %(behind)s::bytea
    ORDER BY partition {order} LIMIT %(limit)s"""
)
WALK_MARK = _READ.format(
    page="""
    SELECT partition, row_number() OVER (ORDER BY score {order}, partition {order}) AS place FROM {schema}.marks
    WHERE mark = %(walk)s::bytea
        AND (%(behind)s::bytea IS NULL OR (score, partition) {beyond} (%(score)s::bigint, %(behind)s::bytea))
    ORDER BY score {order}, partition {order} LIMIT %(limit)s"""
)
