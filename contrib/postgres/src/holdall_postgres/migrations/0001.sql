-- Names are bytes: PostgreSQL's text has no NUL, and its order depends on a collation.
-- Every key begins with the partition, so that each table can be split by hash of it.
CREATE TABLE heads (
    partition bytea PRIMARY KEY,
    version bigint NOT NULL,
    changed bigint NOT NULL,
    expires_at bigint
);
CREATE TABLE lanes (
    partition bytea NOT NULL,
    lane bytea NOT NULL,
    first bigint NOT NULL,
    stop bigint NOT NULL,
    rewritten bigint NOT NULL,
    PRIMARY KEY (partition, lane)
);
CREATE TABLE marks (
    partition bytea NOT NULL,
    mark bytea NOT NULL,
    score bigint NOT NULL,
    PRIMARY KEY (partition, mark)
);
CREATE INDEX marks_walk ON marks (mark, score, partition);
CREATE TABLE records (
    partition bytea NOT NULL,
    lane bytea NOT NULL,
    position bigint NOT NULL,
    crc bigint NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (partition, lane, position)
);
ALTER TABLE records ALTER COLUMN data SET STORAGE EXTERNAL; -- compression is the core's, or nobody's
