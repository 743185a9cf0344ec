INSERT INTO g (id, a, n) VALUES (3, 30, 'z');
UPDATE g SET a = 31, secret = 'changed' WHERE id = 3;
DELETE FROM g WHERE id = 1;
UPDATE p SET d = '2022-01-01' WHERE id = 1;
