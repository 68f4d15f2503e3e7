-- Every append changes a head and a lane; with room beside them on their page, no index has to follow.
ALTER TABLE heads SET (fillfactor = 70);
ALTER TABLE lanes SET (fillfactor = 70);
