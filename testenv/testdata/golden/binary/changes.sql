INSERT INTO blobs SELECT id + 10, b, vb, tb, bl, mb, lb, j, g, p, ls, pg, mp, gc, ps, vec FROM (SELECT * FROM blobs) x;
UPDATE blobs SET j = JSON_SET(j, '$.b', 2), vb = x'01' WHERE id = 11;
UPDATE blobs SET j = NULL, p = ST_GeomFromText('POINT(7 8)') WHERE id = 13;
DELETE FROM blobs WHERE id = 14;
INSERT INTO blobs (id, j) VALUES (30, '{}'), (31, 'true'), (32, 'null'), (33, '-1'), (34, '1.5'), (35, '[[[]]]'), (36, '{"": ""}'), (37, '"\\u0001\\u001f\\b\\f\\n\\r\\t"');
