INSERT INTO r (v) VALUES ('streamed');
-- anabranch:restart
INSERT INTO r (v) VALUES ('after restart');
-- anabranch:stop
INSERT INTO r (v) VALUES ('while stopped');
ALTER TABLE r ADD COLUMN w INT DEFAULT 3;
UPDATE r SET v = 'changed', w = 4 WHERE id = 1;
-- anabranch:start
DELETE FROM r WHERE id = 2;
