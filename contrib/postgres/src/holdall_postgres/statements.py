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
SELECT 0 AS kind, h.partition, ''::bytea AS name, h.version AS a, h.changed AS b, h.expires_at AS c, NULL::bytea AS data
    FROM page JOIN {{schema}}.heads AS h USING (partition)
UNION ALL
SELECT 1, l.partition, l.lane, l.first, l.stop, l.rewritten, NULL FROM page JOIN {{schema}}.lanes AS l USING (partition)
UNION ALL
SELECT 2, m.partition, m.mark, m.score, NULL, NULL, NULL FROM page JOIN {{schema}}.marks AS m USING (partition)
UNION ALL
SELECT 3, l.partition, l.lane, r.position, r.crc, NULL, r.data
    FROM page JOIN {{schema}}.lanes AS l USING (partition) JOIN span AS s USING (lane)
    CROSS JOIN LATERAL (
        SELECT position, crc, data FROM {{schema}}.records
        WHERE partition = l.partition AND lane = l.lane
            AND position >= CASE WHEN s.start < 0 THEN l.stop + s.start ELSE s.start END
            AND position < coalesce(s.stop, l.stop)
        OFFSET 0 -- a fence: the positions are looked up in the index, not filtered from the whole lane
    ) AS r
UNION ALL
SELECT 4, p.partition, ''::bytea, p.place, NULL, NULL, NULL FROM page AS p
"""
"""Rows of five kinds: heads, lanes, marks, records, and where each partition stands in the walk."""

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
